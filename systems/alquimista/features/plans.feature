@database
Feature: The plans structure is rolled back
  Migration 010 brought subscription plans and subnuclei. Its rollback, 011, is the example of the
  runbook for a migration that only added things; later migrations have come on top of it since.

  Scenario: The plans structure is taken away again by its rollback script
    Given the release before migration 010
    And clients keep reading and writing
    And that migration is deployed
    When the safe rollback procedure is carried out
    Then its steps were carried out in order: backup, proof of the backup, rehearsal, guard, rollback, validation
    And the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And sequences continue where they stood
    And every row from before that migration is unchanged
    And no row appeared that no client wrote
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the migration can be applied again and ends in the same state
    And the service is back within its recovery time objective
