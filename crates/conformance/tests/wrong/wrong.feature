Feature: Scenarios that must fail
  Each expects what is not so. A runner that lets one pass would let anything pass.

  Scenario: Another output
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 2
    """

  Scenario: More in the output than expected
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1, b: 2 } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  Scenario: A fault where there is none
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario: Another error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { raise: { error: { type: https://example.com/e, status: 500 } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 501
    """

  Scenario: A property that is not there
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: { b: 1 } } } } ]
    """
    When the workflow is executed
    Then the workflow output should have properties 'a', 'a.c'

  Scenario: Another order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } }, { two: { set: { a: 2 } } } ]
    """
    When the workflow is executed
    Then the workflow should complete
    And one should run after two

  Scenario: A task that ended another way
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
    When the workflow is executed
    Then one should fault

  Scenario: An event that was not published
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { emit: { event: { with: { type: com.example.one } } } } } ]
    """
    When the workflow is executed
    Then an event should be published with:
    """yaml
    type: com.example.two
    """

  Scenario: A request that was not made
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
    When the workflow is executed
    Then the services should get '/text' 1 times

  Scenario: A definition that cannot run
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { sett: { a: 1 } } } ]
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario: Another finding
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { sett: { a: 1 } } } ]
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0101'

  Scenario: A step that is not known
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
    When the workflow is executed
    Then the workflow should work

  Scenario: Nothing is done
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: wrong, version: '1.0.0' }
    do: [ { one: { set: { a: 1 } } } ]
    """
