@settings
Feature: A wrong setting is rolled back, and the code left alone
  A parameter, a feature flag or an environment variable was set to a value that breaks the system. What
  changed is found in the settings' own history and put back from there, with everything that belongs to
  it; no code is touched, no other setting, and nobody gets to see a secret on the way.

  @function @api @release @database @ssm
  Scenario: A wrong parameter is put back from its history
    Given the current release is deployed
    And the settings are known as they are now
    And a parameter has been set to a wrong value
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the diagnosis names what is wrong, and nothing else
    And the wrong setting was felt
    And the previous values came from the settings' own history
    And every settings is what it was before
    And the code was left alone
    And the system works

  @function @api @release @database @appconfig
  Scenario: A wrong feature flag goes back to the version before
    Given the current release is deployed
    And the settings are known as they are now
    And a feature flag has been set to a wrong value
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the diagnosis names what is wrong, and nothing else
    And the previous values came from the settings' own history
    And every settings is what it was before
    And the code was left alone
    And the system works

  @function @api @release @database @appconfig
  Scenario: The roll-out of a wrong feature flag is stopped half way
    Given the current release is deployed
    And the settings are known as they are now
    And a wrong feature flag is still being rolled out
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the previous values came from the settings' own history
    And every settings is what it was before
    And the code was left alone
    And the system works

  @function @api @release @database @environment @secret
  Scenario: A wrong environment variable is rolled back, and no secret is told
    Given the current release is deployed
    And the settings are known as they are now
    And an environment variable has been set to a wrong value
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the diagnosis names what is wrong, and nothing else
    And the wrong setting was felt
    And the previous values came from the settings' own history
    And every settings is what it was before
    And every function is what it was before
    And every secret is what it was before
    And the code was left alone
    And the record of this drill tells no secret
    And the system works

  @function @api @release @database @alarm @environment
  Scenario: An alarm rings while a wrong setting breaks the system, and stays armed
    Given the current release is deployed
    And the settings are known as they are now
    And an environment variable has been set to a wrong value
    When the settings are searched for what changed
    And the alarms are waited for
    And what changed is put back from its history
    Then the wrong setting was felt
    And an alarm rang while the fault was there
    And every alarm is what it was before
    And every settings is what it was before

  @function @api @release @database @alarm @environment
  Scenario: The alarm falls silent after the rollback
    Given the account looks at its alarms by itself
    And the current release is deployed
    And the settings are known as they are now
    And an environment variable has been set to a wrong value
    When the settings are searched for what changed
    And the alarms are waited for
    And what changed is put back from its history
    Then an alarm rang while the fault was there
    And the alarms are silent again, and armed

  @service @variables
  Scenario: A wrong variable of several services is put back on each, from its history in git
    Given the services run as they are configured
    And the settings are known as they are now
    And a variable that services share has been set to a wrong value
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the diagnosis names what is wrong, and nothing else
    And the wrong setting was felt
    And the previous values came from the settings' own history
    And every settings is what it was before
    And the code was left alone
    And the record of this drill tells no secret
    And the system works

  @service @release @image @variables
  Scenario: A wrong variable of a service in containers is put back through what runs it
    Given the current release of the service serves
    And the services run as they are configured
    And the settings are known as they are now
    And a variable that services share has been set to a wrong value
    When the settings are searched for what changed
    And what changed is put back from its history
    And everything that the system answers is asked once
    Then the diagnosis names what is wrong, and nothing else
    And the wrong setting was felt
    And the previous values came from the settings' own history
    And every settings is what it was before
    And the code was left alone
    And the system works

  @service @release @runnable @variables
  Scenario: Code goes back together with the configuration that it was made for
    Given the services run the release before, as it was configured
    And the settings are known as they are now
    And the current release is deployed to the services, with its configuration
    When old code is tried with the newer configuration, where nobody is served
    And the services are rolled back, code and configuration
    And everything that the system answers is asked once
    Then it was known before the rollback whether old code bears the newer configuration
    And code and configuration of every service belong together
    And every settings is what it was before
    And the system works
