@database
Feature: The smallest drill
  Scenario: The newest migration is rolled back under traffic
    Given the release before the newest additive migration that has a rollback script
    And clients keep reading and writing
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its rollback script is applied
    Then every row from before that migration is unchanged
    And no acknowledged write is lost
