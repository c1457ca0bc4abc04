Feature: The runbook's own decisions
  The rows of RUNBOOK.md, Decisions: each situation of the first column, put to the matrix.

  Scenario Outline: <symptom> in <environment> is decided as the runbook says
    Given a decision matrix
    When it is decided what to do about <symptom>, caused by <cause>, in <environment>, while <matter> is the matter
    Then the decision is <action>, made by <decides>
    And it was decided as the matrix says

    Examples:
      | symptom           | cause                | environment | matter        | action      | decides   |
      | deploy-failed     | unknown              | dev         | nothing       | wait        | on-call   |
      | deploy-failed     | unknown              | production  | nothing       | wait        | on-call   |
      | deploy-failed     | rollback-failed      | production  | nothing       | roll-back   | on-call   |
      | api-500           | unknown              | production  | nothing       | investigate | on-call   |
      | api-500           | handler-bug          | production  | nothing       | roll-back   | on-call   |
      | api-500           | missing-migration    | production  | nothing       | hotfix      | dba       |
      | api-500           | wrong-variable       | production  | nothing       | roll-back   | on-call   |
      | api-500           | database-unreachable | production  | nothing       | investigate | on-call   |
      | feature-broken    | release              | production  | secondary     | roll-back   | tech-lead |
      | feature-broken    | release              | staging     | core-broken   | roll-back   | tech-lead |
      | feature-broken    | release              | staging     | data-loss     | roll-back   | tech-lead |
      | feature-broken    | release              | staging     | security      | roll-back   | tech-lead |
      | feature-broken    | release              | staging     | secondary     | hotfix      | on-call   |
      | feature-broken    | release              | dev         | nothing       | hotfix      | on-call   |
      | feature-broken    | release              | dev         | workaround    | hotfix      | on-call   |
      | migration-problem | unknown              | production  | nothing       | roll-back   | dba       |
      | frontend-broken   | unknown              | production  | nothing       | roll-back   | on-call   |
      | slow              | unknown              | production  | nothing       | investigate | on-call   |
      | slow              | threshold-held       | production  | nothing       | roll-back   | tech-lead |
      | production-down   | unknown              | production  | nothing       | roll-back   | tech-lead |
      | data-loss         | unknown              | production  | nothing       | roll-back   | dba       |
      | security          | unknown              | production  | nothing       | roll-back   | cto       |
