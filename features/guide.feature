Feature: An operator is led through an incident
  At night nobody remembers a runbook. The guide names the symptom, shows each command with this system's
  own names filled in, asks for the decision, and puts on record what was done, by whom and in which order.
  Here its steps are all reported as done by hand: what is drilled is the procedure, not the system.

  Scenario Outline: An operator is led through <symptom>
    When an operator is led through <symptom>, caused by <cause>, and takes each step
    Then it was decided as the matrix says
    And what was done is what was decided
    And the guide's steps were taken in their order, none left out

    Examples:
      | symptom           | cause        |
      | deploy-failed     | unknown      |
      | api-500           | handler-bug  |
      | feature-broken    | release      |
      | migration-problem | unknown      |
      | frontend-broken   | unknown      |
      | slow              | unknown      |
      | production-down   | unknown      |
      | data-loss         | unknown      |
      | security          | unknown      |
