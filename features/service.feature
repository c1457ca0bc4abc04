@service @release @image
Feature: A service in containers is rolled back by its image
  Each release is an image in a registry. What served before is brought back by the digest that it had
  while it served, for a tag may name another image by now; and whether it is back is asked of the service
  itself, and of the files that its processes run from, not of the runner's status.

  @digest
  Scenario: The service is rolled back to the image that served before, by its digest
    Given the current release of the service serves
    And clients keep reading and writing
    When a release of the service that is broken by handler-bug is deployed
    And the tag of the release before names another image by now
    And the versions of the service are listed
    And the service is rolled back to the image that served before
    And the service is verified
    Then no acknowledged write is lost
    And the service is back within its recovery time objective
    And every version there is is listed with its digest
    And the service answers as the release that should serve, and as no other
    And its configuration names that image by its digest
    And it has the variables that this release served with
    And the tag that was moved is named

  @failing
  Scenario: A deploy that never becomes healthy leaves the release before it serving
    Given the current release of the service serves
    And clients keep reading and writing
    When a release of the service that never becomes healthy is deployed
    Then clients were served all along
    And no acknowledged write is lost
    And that deploy failed, and why is named
    And the service answers as the release that should serve, and as no other

  @blue-green
  Scenario: Requests are switched over to a second revision, and back
    Given the previous release of the service serves
    And the current release stands beside it, without requests
    And clients keep reading and writing
    When all requests are switched over to it
    And all requests are switched back
    Then clients were served all along
    And no acknowledged write is lost
    And all requests went over, and all came back
    And the service answers as the release that should serve, and as no other

  @canary
  Scenario: A canary whose errors pass the threshold is stopped, and gets no request any more
    Given the current release of the service serves
    And a release that is broken by handler-bug stands beside it, without requests
    And clients keep reading and writing
    When it gets 25 % of the requests until its errors pass the threshold
    And the service is verified
    Then no acknowledged write is lost
    And the canary got its share, was stopped, and gets no request any more
    And the service answers as the release that should serve, and as no other

  @flag
  Scenario: A feature is rolled back by its flag, and the code left as it is
    Given the current release of the service serves
    And the feature behind the service's flag is there
    When the flag is turned off
    Then the feature is off in every answer
    And the service answers as the release that should serve, and as no other
