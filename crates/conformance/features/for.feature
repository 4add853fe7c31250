Feature: For
  A task that repeats a list for each item.

  Scenario: Items and indexes are bound by the names that are given
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: items-and-indexes-are-bound-by-the-names-that-are, version: '1.0.0' }
    do:
      - all:
          for: { each: bean, in: .beans, at: number }
          do:
            - add: { set: { beans: '${ .beans }', seen: '${ .seen + [ { ($bean): $number } ] }' } }
          output: { as: .seen }
    """
    And given the workflow input is:
    """yaml
    beans: [ arabica, robusta ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { arabica: 0 }, { robusta: 1 } ]
    """
    And add should run 2 times

  Scenario: Without names they are item and index
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: without-names-they-are-item-and-index, version: '1.0.0' }
    do:
      - all:
          for: { in: '[ "a", "b" ]' }
          do:
            - add: { set: '${ . + [ "\($item)\($index)" ] }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ a0, b1 ]
    """

  Scenario: An iteration gets the output of the one before
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-iteration-gets-the-output-of-the-one-before, version: '1.0.0' }
    do:
      - sum:
          for: { each: n, in: '[ 1, 2, 3 ]' }
          do:
            - add: { set: '${ . + $n }' }
    """
    And given the workflow input is:
    """yaml
    0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    6
    """

  Scenario: Items may be written down
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: items-may-be-written-down, version: '1.0.0' }
    do:
      - all:
          for:
            each: room
            in:
              - { name: hall }
              - { name: '${ .name }' }
          do:
            - add: { set: { name: '${ .name }', rooms: '${ .rooms + [ $room.name ] }' } }
    """
    And given the workflow input is:
    """yaml
    name: attic
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: attic
    rooms: [ hall, attic ]
    """

  Scenario: A condition is asked before each iteration
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-condition-is-asked-before-each-iteration, version: '1.0.0' }
    do:
      - until:
          for: { each: n, in: '[ 1, 2, 3, 4 ]' }
          while: $n < 3
          do:
            - add: { set: '${ . + $n }' }
    """
    And given the workflow input is:
    """yaml
    0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """
    And add should run 2 times

  Scenario: Nothing to iterate over gives the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: nothing-to-iterate-over-gives-the-input, version: '1.0.0' }
    do:
      - none:
          for: { in: .missing }
          do:
            - never: { set: { a: 1 } }
    """
    And given the workflow input is:
    """yaml
    b: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 2
    """
    And never should not run

  Scenario: Exit ends the iteration, not the loop
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: exit-ends-the-iteration-not-the-loop, version: '1.0.0' }
    do:
      - all:
          for: { each: n, in: '[ 1, 2, 3 ]' }
          do:
            - odd:
                switch:
                  - even: { when: $n % 2 == 0, then: exit }
            - add: { set: '${ . + $n }' }
    """
    And given the workflow input is:
    """yaml
    0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    4
    """
    And add should run 2 times

  Scenario: What is no array cannot be iterated over
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-is-no-array-cannot-be-iterated-over, version: '1.0.0' }
    do:
      - wrong:
          for: { in: .a }
          do:
            - never: { set: { a: 1 } }
    """
    And given the workflow input is:
    """yaml
    a: 7
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/wrong
    """

  Scenario: Loops nest
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: loops-nest, version: '1.0.0' }
    do:
      - rows:
          for: { each: row, in: '[ 1, 2 ]' }
          do:
            - columns:
                for: { each: column, in: '[ 10, 20 ]' }
                do:
                  - add: { set: '${ . + [ $row * $column ] }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 10, 20, 20, 40 ]
    """
