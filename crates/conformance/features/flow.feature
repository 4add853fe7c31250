Feature: Flow
  Where control goes after a task.

  Scenario: Tasks run in the order in which they are written
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: tasks-run-in-the-order-in-which-they-are-written, version: '1.0.0' }
    do:
      - buy: { set: '${ . + [ "buy" ] }' }
      - roast: { set: '${ . + [ "roast" ] }' }
      - brew: { set: '${ . + [ "brew" ] }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ buy, roast, brew ]
    """
    And buy should run first
    And roast should run after buy
    And roast should run before brew
    And brew should run last

  Scenario: A task names the one that follows
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-task-names-the-one-that-follows, version: '1.0.0' }
    do:
      - buy: { set: '${ . + [ "buy" ] }', then: roast }
      - brew: { set: '${ . + [ "brew" ] }', then: end }
      - roast: { set: '${ . + [ "roast" ] }', then: brew }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ buy, roast, brew ]
    """
    And roast should run after buy
    And brew should run last

  Scenario: Going back makes a loop
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: going-back-makes-a-loop, version: '1.0.0' }
    do:
      - count: { set: '${ . + 1 }' }
      - enough:
          switch:
            - no: { when: . < 500, then: count }
    """
    And given the workflow input is:
    """yaml
    0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    500
    """
    And count should run 500 times

  Scenario: Exit ends the list it stands in
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: exit-ends-the-list-it-stands-in, version: '1.0.0' }
    do:
      - around:
          do:
            - inner: { set: '${ . + [ "inner" ] }', then: exit }
            - never: { set: '${ . + [ "never" ] }' }
      - after: { set: '${ . + [ "after" ] }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ inner, after ]
    """
    And never should not run

  Scenario: End ends the workflow from any depth
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: end-ends-the-workflow-from-any-depth, version: '1.0.0' }
    do:
      - around:
          do:
            - deeper:
                do:
                  - inner: { set: { last: true }, then: end }
            - never: { set: { a: 1 } }
      - norThis: { set: { a: 2 } }
    output: { as: '{ wrapped: . }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    wrapped: { last: true }
    """
    And never should not run
    And norThis should not run

  Scenario: A skipped task still says where to go
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-skipped-task-still-says-where-to-go, version: '1.0.0' }
    do:
      - skipped: { if: 'false', set: { a: 1 }, then: last }
      - between: { set: { between: true } }
      - last: { set: { got: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    x: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: { x: 1 }
    """
    And between should not run

  Scenario: An empty list gives its input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-empty-list-gives-its-input, version: '1.0.0' }
    do:
      - nothing: { do: [] }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  Scenario: The last task of a list gives its output
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-last-task-of-a-list-gives-its-output, version: '1.0.0' }
    do:
      - around:
          do:
            - one: { set: '${ . + [ 1 ] }' }
            - two: { set: '${ . + [ 2 ] }' }
          output: { as: length }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2
    """

  Scenario: A target that does not exist is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-target-that-does-not-exist-is-found-before-anyth, version: '1.0.0' }
    do:
      - one: { set: { a: 1 }, then: two }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0305'

  Scenario: Two tasks of one list cannot have the same name
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: two-tasks-of-one-list-cannot-have-the-same-name, version: '1.0.0' }
    do:
      - one: { set: { a: 1 } }
      - one: { set: { a: 2 } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0303'
