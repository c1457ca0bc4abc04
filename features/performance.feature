@release @database @performance
Feature: The system is slow but alive
  A slowness is no outage: it is measured against its threshold and looked into first. Only when the
  threshold has held is the release rolled back, and only a comparison of many answers says that it is
  as fast as before.

  @function @api
  Scenario: A slowness that lasts is rolled back once its threshold has held
    Given the current release is deployed
    And the system is watched while it is well
    When a release that is broken by slow is deployed
    And the slowness is looked into
    And the release is rolled back if the threshold has held
    And the system is watched after the rollback
    Then it was rolled back when the threshold had held, and not before
    And the investigation says where the time goes
    And the system is as fast as it was before
    And errors, latency, logs and saturation are what they were before
    And every function is what it was before
    And every api is what it was before

  @function @api
  Scenario: A slowness that passes is looked into, and nothing is rolled back
    Given the current release is deployed
    And the system is watched while it is well
    And another session locks every table for a while
    When the slowness is looked into
    And the release is rolled back if the threshold has held
    Then nothing was rolled back, for the threshold did not hold
    And the investigation says that the time goes into the database
    And every function is what it was before

  @function @api @alarm
  Scenario: While the system is well its alarms are silent, and armed
    Given the current release is deployed
    When everything that the system answers is asked once
    Then the system works
    And the alarms are silent, and armed
    And every alarm is what it was before

  @service @runnable
  Scenario: A slowness of services that lasts is rolled back once its threshold has held
    Given the services run as they are configured
    And it is known which release each service runs
    And the system is watched while it is well
    When a release that is broken by slow is deployed to the services
    And the slowness is looked into
    And the release is rolled back if the threshold has held
    And the system is watched after the rollback
    Then it was rolled back when the threshold had held, and not before
    And the investigation says where the time goes
    And the system is as fast as it was before
    And errors, latency, logs and saturation are what they were before
    And every service runs the release that it ran before

  @service @runnable
  Scenario: A slowness of services that passes is looked into, and nothing is rolled back
    Given the services run as they are configured
    And it is known which release each service runs
    And the system is watched while it is well
    And another session locks every table for a while
    When the slowness is looked into
    And the release is rolled back if the threshold has held
    Then nothing was rolled back, for the threshold did not hold
    And the investigation says that the time goes into the database
    And every service runs the release that it ran before
