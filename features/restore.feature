@database
Feature: A dump is restored, and several migrations are taken back in one go
  What a runbook does with the tools at hand: a dump in plain SQL, restored with psql; and the migrations
  taken back to a named one, or all of them. Each is compared with what was there.

  @dump
  Scenario: A dump in plain SQL restores into an empty database
    Given the system runs its current release
    And clients keep reading and writing
    And a dump of the database in plain SQL
    When the dump is restored with psql into an empty database
    Then the restored database is what was dumped

  @dump
  Scenario Outline: The restore of a dump that is <flaw> stops, and leaves nothing
    Given the system runs its current release
    And a dump of the database in plain SQL that is <flaw>
    When the dump is restored with psql into an empty database
    Then the restore stopped because <reason>
    And nothing of the dump is left in that database

    Examples:
      | flaw                  | reason                       |
      | cut short             | the dump is cut short        |
      | damaged in the middle | psql failed                  |

  @dump
  Scenario: A dump is not restored over what is there
    Given the system runs its current release
    And a dump of the database in plain SQL
    When the dump is restored with psql into the database in use
    Then the restore stopped because the database is not empty
    And nothing was touched since the dump

  @ledger
  Scenario: What is listed as applied is what was applied
    Given the release before the newest additive migration
    When the applied and the missing migrations are listed
    Then the list agrees with the ledger's rows, the migration files and the schema

  @ledger
  Scenario Outline: A ledger that <lie> is found out
    Given the release before the newest additive migration
    And a ledger that <lie>
    When the applied and the missing migrations are listed
    Then it is found that the ledger lies

    Examples:
      | lie                                |
      | lists a migration that never ran   |
      | lacks a migration that ran         |
      | lists a migration that has no file |

  @back
  Scenario: The newest migrations are taken back to a named one
    Given the system runs its current release
    And a full backup that restores to an identical copy
    When the newest migrations are taken back to a named one
    Then the ledger lists exactly the migrations that were not taken back
    And the schema is what it was at that migration
    And grants, owners and default privileges are what they were
    And no more is lost than those migrations had destroyed
    And those migrations can be applied again and end in the same schema

  @back
  Scenario: All migrations are taken back
    Given the newest release of which every migration has a way back
    And a full backup that restores to an identical copy
    When all migrations are taken back
    Then the ledger lists exactly the migrations that were not taken back
    And the schema is what it was at that migration
    And grants, owners and default privileges are what they were
    And those migrations can be applied again and end in the same schema

  @back
  Scenario: A migration without a way back keeps all of them in place
    Given a release of which one migration has no way back
    And a full backup that restores to an identical copy
    When all migrations are taken back
    Then taking them back was refused, naming the migration that has no way back
    And nothing was touched since that migration was deployed
