@function @api @release
Feature: The API answers 500 after a deploy
  Why it fails decides what helps. The cause is read from logs, metrics, configuration and ledger; then the
  code is rolled back where the code is at fault, and left alone where it is not.

  @alias
  Scenario: A bug in the handlers is rolled back by moving every alias to the version before
    Given the current release serves, and every function and API answers
    When a release goes out whose fault is handler-bug
    And the service is verified
    And the cause is diagnosed from logs, metrics and configuration
    And every function's alias is moved to the version that served before
    And the service is verified
    Then the diagnosis says handler-bug
    And what was done mends that cause
    And every API answers on all its paths
    And every function answers with the version that served before
    And requests are answered by that version alone
    And every function is what it was before
    And every api is what it was before
    And the error metric is back to what it was
    And the logs hold no error since then
    And the smoke tests saw the fault, and pass now
    And the service is back within its recovery time objective

  @redeploy
  Scenario: A bug in the handlers is rolled back by deploying the previous release again
    Given the current release of one API serves, and everything behind it answers
    When the system's own release goes out whose fault is handler-bug
    And the cause is diagnosed from logs, metrics and configuration
    And the release before is deployed again
    Then the diagnosis says handler-bug
    And what was done mends that cause
    And every function answers with the code that served before
    And every function is what it was before
    And every api is what it was before
    And the error metric is back to what it was
    And the logs hold no error since then

  @variable
  Scenario: A wrong environment variable is told from a bug, and put right by the version before
    Given the current release of one API serves, and everything behind it answers
    When a release goes out whose fault is wrong-variable
    And the cause is diagnosed from logs, metrics and configuration
    And every function's alias is moved to the version that served before
    Then the diagnosis says wrong-variable
    And what was done mends that cause
    And every API answers on all its paths
    And every function answers with the version that served before
    And every function is what it was before
    And requests are answered by that version alone
    And the error metric is back to what it was

  @database @migration
  Scenario: A migration that was never applied is told from a bug, and applied
    Given the current release of one API serves, and everything behind it answers
    When the fault is put in that missing-migration stands for
    And the cause is diagnosed from logs, metrics and configuration
    And the migrations that the ledger lacks are applied
    Then the diagnosis says missing-migration
    And what was done mends that cause
    And no migration is missing any more
    And every API answers on all its paths
    And every function answers with the version that served before
    And the logs hold no error since then

  @database @network
  Scenario: A database that cannot be reached is told from a bug, and the code is left alone
    Given the functions reach the database through a network
    And the current release of one API serves, and everything behind it answers
    When the fault is put in that database-unreachable stands for
    And the cause is diagnosed from logs, metrics and configuration
    And the database can be reached again
    Then the diagnosis says database-unreachable
    And what was done mends that cause
    And every API answers on all its paths
    And every function answers with the version that served before
    And every function is what it was before
    And the logs hold no error since then

  @commands
  Scenario: A bug in the handlers is rolled back by the system's own commands
    Given the current release of one API serves, and everything behind it answers
    When the system's own release goes out whose fault is handler-bug
    And the cause is diagnosed from logs, metrics and configuration
    And the last good revision is checked out, built and deployed by the system's own commands
    Then the diagnosis says handler-bug
    And what was done mends that cause
    And the revision that served before was checked out and deployed
    And every API answers on all its paths
    And every function answers with the code that served before
    And every function is what it was before
    And the logs hold no error since then

  @canary
  Scenario: A broken canary is rolled back by taking its share of the calls away
    Given aliases with weights split calls as on AWS
    And the current release of one API serves, and everything behind it answers
    When the fault is put in that broken-canary stands for
    And the cause is diagnosed from logs, metrics and configuration
    And every function's alias is moved to the version that served before
    Then the diagnosis says handler-bug
    And every function answers with the version that served before
    And requests are answered by that version alone
    And every function is what it was before
