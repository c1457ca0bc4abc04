Feature: Incidents are decided as the matrix says
  Whoever is on call at night asks the matrix: what is seen, where, how bad, and why. It answers with
  what is done at once, by whose decision, and whether to wait, to look into it, to mend or to roll back.

  Scenario: Every row of the matrix decides what it says, and none is missing
    Given a decision matrix
    When every situation that it tells apart is put to it
    Then every row decides what it says
    And no situation is without an answer
