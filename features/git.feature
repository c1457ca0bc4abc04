@pipeline @service @release @database
Feature: A release is taken back by git revert, and the pipeline deploys what is left
  A revert is a commit like any other: it is pushed, tested, built and deployed. What counts is not that git
  accepted it, but that exactly that change is gone, that no history was rewritten and that what is left serves.

  Background:
    Given the system runs its current release

  @rehearsal
  Scenario: The rehearsal in staging: two releases are deployed, and the newer one is reverted
    Given a repository whose pushes are deployed to what runs the service
    And the previous release is pushed, and serves
    When the current release is pushed
    And the last commit is reverted and pushed
    Then each push was deployed by the pipeline
    And exactly that commit's change is gone from the branch, and all others stay
    And no commit was rewritten
    And what serves is the code of the branch, and it answers as the release before
    And the schema that this code needs is there

  Scenario: A commit in the middle of the history is reverted, and what came after it stays
    Given a repository whose pushes are deployed
    And the previous release is pushed, and serves
    When the current release is pushed, and another change after it
    And the commit of the current release is reverted and pushed
    Then each push was deployed by the pipeline
    And exactly that commit's change is gone from the branch, and all others stay
    And no commit was rewritten
    And what serves is the code of the branch, and it answers as the release before
    And the schema that this code needs is there

  @merge
  Scenario: A merge is reverted to the side that was deployed before it
    Given a repository whose pushes are deployed
    And the previous release is pushed, and serves
    When the current release is merged from a branch, while main went on, and pushed
    And the merge of the current release is reverted and pushed
    Then each push was deployed by the pipeline
    And exactly that commit's change is gone from the branch, and all others stay
    And no commit was rewritten
    And what serves is the code of the branch, and it answers as the release before
    And the schema that this code needs is there

  @bisect
  Scenario: The commit that broke the service is found among many, and reverted
    Given a repository whose pushes are deployed
    And the previous release is pushed, and serves
    When a release that is broken by handler-bug is pushed among other changes
    And the commit that broke the service is searched for
    And the commit that was found is reverted and pushed
    Then the commit that broke the service is named
    And each push was deployed by the pipeline
    And exactly that commit's change is gone from the branch, and all others stay
    And no commit was rewritten
    And what serves is the code of the branch, and it answers as the release before
