@release @stack @notifications @smoke @database
Feature: A feature does not work although the deploy went well
  Nothing failed and everything answers, yet users say that it does not do what it should. How bad it is
  decides: what is critical is rolled back at once, anything else is mended by a hotfix.

  Background:
    Given the current release is deployed
    And those concerned can be reached

  @roll-back
  Scenario: A broken core feature is rolled back at once, and those concerned are told first and last
    When a release that is broken by feature-bug is deployed
    And users report that it does not do what it should
    And it is decided what to do about feature-broken, caused by release, in production, while core-broken is the matter
    And those concerned are told before the rollback
    And what is to come back is put on record
    And the previous release is deployed again
    And those concerned are told during the rollback
    And the service is verified
    And those concerned are told after the rollback
    And the correction is filed as a ticket
    Then it was decided as the matrix says
    And what was done is what was decided
    And those concerned were told first and last, and it arrived
    And what came back is on record as a branch and a tag
    And every stack is what it was before
    And the smoke tests saw the fault, and pass now
    And every item of the checklist is ticked or waits for a person
    And the service is back within its recovery time objective

  @hotfix
  Scenario: A broken secondary feature is mended by a hotfix, and nothing is rolled back
    When a release that is broken by feature-bug is deployed
    And users report that it does not do what it should
    And it is decided what to do about feature-broken, caused by release, in staging, while secondary and workaround is the matter
    And a hotfix is branched off, made, tested, merged and deployed
    And the service is verified
    And the correction is filed as a ticket
    Then it was decided as the matrix says
    And what was done is what was decided
    And the hotfix was branched off, tested, merged and deployed, in that order
    And the smoke tests saw the fault, and pass now
