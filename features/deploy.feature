@stack @release
Feature: A deploy fails
  CloudFormation rolls a failed deploy back by itself. Whether it really does is compared resource by
  resource, each read by its own API: the status of a stack says nothing about what it holds.

  @update
  Scenario: An update that fails is rolled back by itself, and the next good deploy works
    Given CloudFormation here restores what a failed update has changed
    And the previous release is deployed
    And the current release is deployed
    When a deploy fails while its stacks are updated
    Then the stack has returned by itself
    And the stack that failed holds what it held before
    And the event that failed first is named
    When release previous is deployed next
    Then the next good deploy works

  @update @nested
  Scenario: A failure in a nested stack is rolled back, and its first cause is named
    Given CloudFormation here restores what a failed update has changed
    And the current release is deployed
    When a deploy fails in a nested stack
    Then the stack has returned by itself
    And the stack that failed holds what it held before
    And the event that failed first is named

  @create
  Scenario: A creation that fails leaves nothing, and must be deleted before it can be done anew
    Given CloudFormation here removes what a failed creation has made
    When a deploy fails while its stacks are created
    Then the stack has returned by itself
    And the event that failed first is named
    And nothing that the failed creation made is left
    When the current release is deployed
    Then that deploy is refused because the stack is in ROLLBACK_COMPLETE
    When the stack whose creation failed is deleted
    And the current release is deployed
    Then every stack holds all of the release

  @update @stuck
  Scenario: A rollback that got stuck is continued once its cause is mended
    Given CloudFormation here can continue a rollback that failed
    And the current release is deployed
    And a file that the functions' code came from has been lost
    When a deploy fails that changes the functions' code
    And the lost file is put back and the rollback is continued
    Then the stuck stack has recovered
    And what was skipped is named, and all else is what it was
    And the stack that failed holds what it held before

  @update @stuck @skipping
  Scenario: A rollback that got stuck is continued without what cannot be restored, which is named
    Given CloudFormation here can continue a rollback that failed
    And the current release is deployed
    And a file that the functions' code came from has been lost
    When a deploy fails that changes the functions' code
    And the rollback is continued, skipping what cannot be restored
    Then the stuck stack has recovered
    And what was skipped is named, and all else is what it was

  @drift
  Scenario: A change made by hand is found before anything is rolled back over it
    Given CloudFormation here detects drift
    And the current release is deployed
    And no stack has drifted
    And somebody changes a resource by hand
    When the previous release is deployed again, unless something has drifted
    Then the change by hand is found, by comparing and by CloudFormation
    And nothing is rolled back over it
