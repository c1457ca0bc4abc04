@database @service @release @runnable @traffic
Feature: Code and schema are taken back one after the other
  While a rollback is under way, the code of one release meets the schema of another, and rows that the
  other has written. What then breaks is found out before anybody rolls back: each release is run on each
  schema with rows of each, and asked everything that it can be asked.

  @matrix
  Scenario: What breaks between two releases is known before anybody rolls back
    When each release is run on each schema, with rows that each has written
    Then every combination was asked at every endpoint, twice
    And each combination ran the code, the schema and the rows that it names
    And what breaks is named, by combination and endpoint

  @order
  Scenario: Code and schema are taken back in the order that is safe, while clients work
    Given it is known what breaks when code and schema are of two releases
    And the current release serves, on its own schema
    And clients keep reading and writing
    When code and schema are taken back, in the order that is safe
    Then nothing breaks on the way
    And no request failed
    And no acknowledged write is lost
    And the previous release serves, on its own schema
