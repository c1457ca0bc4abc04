Feature: An emergency is survived
  Production is completely broken, data is lost, credentials are in other hands. The system is closed before
  it is mended and opened only once that is proven; what is brought back is compared piece by piece with what
  was there; what has to be given up is named.

  @production @function @api @site @database @release @notifications
  Scenario: Production is completely broken: code and data go back together, behind a maintenance page
    Given the release before the newest additive migration
    And the release before is deployed, its site included
    And clients keep reading and writing
    And the system serves its clients
    And those concerned can be reached
    And a full backup that restores to an identical copy
    And that migration is deployed
    When a release that is broken by handler-bug is deployed
    And the maintenance page is put up
    And the team is notified
    And the previous release is deployed again
    And the database is restored from that backup, giving up what was written since
    And code and data are verified behind the page
    And the maintenance page is taken away
    And the service is verified
    Then it was closed first, rolled back whole, verified, and only then opened
    And the team was told first, and it arrived
    And code and data are both those of the previous release
    And every function is what it was before
    And every row from before that backup is unchanged
    And the restore loses no write older than its backup, and names each it loses
    And nothing served anybody while the system was closed
    And visitors saw the maintenance page meanwhile
    And the system serves its clients as before
    And the application writes again
    And the service is back within its recovery time objective

  @data-loss @database
  Scenario: Rows are lost: writes are stopped first, and given back only after the restore
    Given the system runs its current release
    And clients keep reading and writing
    And a full backup that restores to an identical copy
    And clients have written since that backup
    And rows of a critical table have been deleted by mistake
    When the loss is detected
    And writes are revoked from the application role
    And the database is restored from that backup, giving up what was written since, writes staying revoked
    And writes are granted to the application role again
    And the service is verified
    Then writes were stopped first, and allowed again only after the restore
    And no write of the application role got in while writes were revoked
    And grants, owners and default privileges are what they were
    And every row from before that backup is unchanged
    And the restore loses no write older than its backup, and names each it loses
    And the application writes again
    And the service is back within its recovery time objective

  @data-loss @table @function @release
  Scenario: Items are lost: the table is mended from its backup, item by item
    Given the tables of the current release are deployed
    And critical tables hold items
    And the system serves its clients
    And a backup of the critical tables that restores to identical items
    And items have been written since that backup
    And items of the critical tables have been deleted and corrupted by mistake
    When the loss of items is detected
    And writes to the tables are stopped
    And the tables are mended from that backup
    And writes to the tables are allowed again
    Then writes to the tables were stopped first, and allowed again only after the restore
    And every item of that backup is there, exactly as it was
    And each item that was given up is named
    And every table is what it was before
    And nothing wrote to the tables while writes were stopped
    And the system serves its clients as before

  @data-loss @table @function @release
  Scenario: A table is deleted: it comes back under its own name, with all that a restore leaves out
    Given the tables of the current release are deployed
    And critical tables hold items
    And the system serves its clients
    And a backup of the critical tables that restores to identical items
    And items have been written since that backup
    And the critical tables have been deleted by mistake
    When the loss of items is detected
    And writes to the tables are stopped
    And the tables are restored from that backup under their own names
    And writes to the tables are allowed again
    Then every item of that backup is there, exactly as it was
    And each item that was given up is named
    And every table is what it was before
    And the system serves its clients as before

  @data-loss @table @function @release @point-in-time
  Scenario: Items are lost: the table is restored to the moment before the mistake
    Given tables here can be restored to any moment
    And the tables of the current release are deployed
    And critical tables hold items
    And a backup of the critical tables that restores to identical items
    And items of the critical tables have been deleted and corrupted by mistake
    When the loss of items is detected
    And writes to the tables are stopped
    And the tables are restored to the moment before the mistake
    And writes to the tables are allowed again
    Then every item of that backup is there, exactly as it was
    And every table is what it was before

  @security @secret @function @api @database @release
  Scenario: Credentials are in other hands: the system is shut, all of them are replaced, the old ones are refused
    Given the current release is deployed
    And the system serves its clients
    And somebody else has the credentials, and a connection that they opened
    When the compromise is detected
    And the system is shut
    And every secret is rotated
    And every session of the old credentials is ended
    And the system is opened again
    And the service is verified
    Then it was shut first, and opened only after every credential was new and every session ended
    And the old credentials are refused
    And the current credentials work
    And connections opened with the old credentials are closed
    And every secret was rotated
    And no rotation is left half way
    And nothing served anybody while the system was closed
    And the system serves its clients as before
    And the service is back within its recovery time objective

  @security @secret @database @release
  Scenario Outline: A rotation that fails <where> is brought to an end, and nobody is locked out
    Given the secrets of the current release are deployed, and what they open
    And the credentials are in use
    And a rotation has failed <where>
    When the rotation is finished or taken back
    And every secret is rotated
    And every session of the old credentials is ended
    Then no rotation is left half way
    And the current credentials work
    And the old credentials are refused
    And connections opened with the old credentials are closed
    And every secret was rotated

    Examples:
      | where              |
      | after createSecret |
      | after setSecret    |
      | in testSecret      |

  @checklist @service @release @runnable @database @traffic
  Scenario: A deploy breaks the services: the checklist is worked through, from the first look to the post-mortem
    Given the services run as they are configured
    And clients keep reading and writing
    And the team and the status page can be reached
    And the system is watched while it is well
    When a release that is broken by handler-bug is deployed to the services
    And the deploy that caused it is looked for in logs and failures
    And the team and the status page are told that it is being worked on
    And the services are rolled back, code and configuration
    And the service is verified
    And the system is watched after the rollback
    And the team and the status page are told that it is over
    And the post-mortem is drafted
    Then the deploy that caused it was found
    And the team and the status page were told first and last, and it arrived
    And errors, latency, logs and saturation are what they were before
    And no acknowledged write is lost
    And the service is back within its recovery time objective
    And the post-mortem says what was recorded, and leaves the cause to a person
    And every item of the checklist is ticked or waits for a person
