@database
Feature: A migration is rolled back
  A migration that turns out wrong is taken back the way its kind asks for: what was added is removed
  by a script, what was changed is restored or reversed, what was dropped comes back from a backup.
  Every path is walked for real, with clients at work, and compared with what was there before.

  @additive @down
  Scenario: An additive migration is rolled back by its script
    Given the release before the newest additive migration that has a rollback script
    And clients keep reading and writing
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its rollback script is applied
    And the service is verified
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And sequences continue where they stood
    And every row from before that migration is unchanged
    And no row appeared that no client wrote
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the migration can be applied again and ends in the same state
    And the service is back within its recovery time objective

  @data @restore
  Scenario: A migration that changed data is undone by restoring the backup
    Given the release before the newest data-changing migration
    And clients keep reading and writing
    And the application is in maintenance
    And a full backup that restores to an identical copy
    And that migration is deployed
    When the database is restored from that backup
    And the application leaves maintenance
    And the service is verified
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And sequences continue where they stood
    And every row from before that migration is unchanged
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the application writes again
    And the service is back within its recovery time objective

  @data @restore
  Scenario: A restore without maintenance loses the writes made since the backup, and no others
    Given the release before the newest data-changing migration
    And clients keep reading and writing
    And a full backup that restores to an identical copy
    And clients have written since that backup
    And that migration is deployed
    When the database is restored from that backup, giving up what was written since
    And the service is verified
    Then the restore loses no write older than its backup, and names each it loses
    And every row from before that backup is unchanged
    And the ledger no longer lists that migration

  @data @reverse
  Scenario: A migration that changed data is undone by a reversing migration
    Given the release before the newest data-changing migration that has a reversing script
    And clients keep reading and writing
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its reversing script is applied
    And the service is verified
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And every row from before that migration is unchanged
    And no row appeared that no client wrote
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the migration can be applied again and ends in the same state
    And the service is back within its recovery time objective

  @data @irreversible
  Scenario: What no script can reverse is named row by row
    Given the release before the newest data-changing migration that has no reversing script
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its rollback script is applied, where it has one
    Then what the rollback leaves lost is counted and named
    And sequences continue where they stood

  @dropping @down
  Scenario: A script alone does not bring dropped data back, and what is lost is named
    Given the release before the newest dropping migration that has a rollback script
    And that migration is deployed
    And a full backup that restores to an identical copy
    When its rollback script is applied
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And what the rollback leaves lost is counted and named by table and column
    And the ledger no longer lists that migration

  @dropping @restore
  Scenario: Dropped tables and columns come back from the full backup
    Given the release before the newest dropping migration
    And clients keep reading and writing
    And the application is in maintenance
    And a full backup that restores to an identical copy
    And that migration is deployed
    When the database is restored from that backup
    And the application leaves maintenance
    And the service is verified
    Then the schema is what it was before that migration
    And grants, owners and default privileges are what they were
    And sequences continue where they stood
    And every row from before that migration is unchanged
    And the ledger no longer lists that migration
    And no acknowledged write is lost
    And the migration can be applied again and ends in the same state
    And the service is back within its recovery time objective

  @procedure
  Scenario: The safe procedure is carried out in its order
    Given the release before the newest additive migration that has a rollback script
    And clients keep reading and writing
    And that migration is deployed
    When the safe rollback procedure is carried out
    Then its steps were carried out in order: backup, proof of the backup, rehearsal, guard, rollback, validation
    And the backup restores to an identical copy
    And the schema is what it was before that migration
    And every row from before that migration is unchanged
    And no acknowledged write is lost

  @guard
  Scenario Outline: A rollback is refused when its backup is <flaw>
    Given the release before the newest additive migration that has a rollback script
    And that migration is deployed
    And a full backup that is <flaw>
    When its rollback script is applied
    Then the rollback is refused because <reason>
    And nothing was touched since that migration was deployed

    Examples:
      | flaw                             | reason                                               |
      | missing                          | there is no backup                                   |
      | empty                            | the backup is empty                                  |
      | truncated                        | the backup cannot be read                            |
      | of another major version         | the backup is of PostgreSQL                          |
      | never restored                   | the backup has never been restored and compared      |
      | altered after it was compared    | the backup is not the one that was restored          |

  @guard
  Scenario: A rollback is refused when its backup is older than the newest write that it must cover
    Given the release before the newest additive migration that has a rollback script
    And clients keep reading and writing
    And a full backup that restores to an identical copy
    And clients have written since that backup
    And the application is in maintenance
    And that migration is deployed
    When its rollback script is applied
    Then the rollback is refused because the backup is older than the newest write
    And nothing was touched since that migration was deployed

  @lock
  Scenario: A rollback that must wait for another session gives up, says for whom, and leaves no trace
    Given the release before the newest additive migration that has a rollback script
    And that migration is deployed
    And a full backup that restores to an identical copy
    And another session holds a lock that the rollback needs
    When its rollback script is applied
    Then the rollback gave up and named the session that it waited for
    And nothing was touched since that migration was deployed

  @data-loss
  Scenario: Data loss is stopped by revoking writes, and repaired from the backup
    Given the system runs its current release
    And clients keep reading and writing
    And the application is in maintenance
    And a full backup that restores to an identical copy
    And rows of a critical table have been deleted by mistake
    When the loss is detected
    And writes are revoked from the application role
    And the application leaves maintenance
    And the database is restored from that backup, writes staying revoked
    And writes are granted to the application role again
    And the service is verified
    Then no write of the application role got in while writes were revoked
    And grants, owners and default privileges are what they were
    And the schema is what it was before the loss
    And sequences continue where they stood
    And every row from before the loss is unchanged
    And no acknowledged write is lost
    And the application writes again
    And the service is back within its recovery time objective

  @missing @smoke
  Scenario: A missing migration is diagnosed as the cause of errors and applied
    Given a release whose newest additive migration was never applied
    And clients keep reading and writing
    And the service is seen to fail
    When the cause is diagnosed
    And the missing migration is applied
    And the service is verified
    Then the diagnosis names the missing migration
    And no migration is missing any more
    And every row from before the remedy is unchanged
    And no acknowledged write is lost
    And the smoke tests saw the fault, and pass now

  @kinds
  Scenario: Every migration does what its text says
    Given a database with rows before each migration
    When every migration is applied, one after another
    Then the kind read from each script is the kind of what happened
