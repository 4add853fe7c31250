Feature: Expressions
  jq, in strict and in loose mode.

  Scenario: The first result counts, and no result is null
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-first-result-counts-and-no-result-is-null, version: '1.0.0' }
    do:
      - keep: { set: { first: '${ .[] }', none: '${ empty }' } }
    """
    And given the workflow input is:
    """yaml
    [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    first: 1
    none: null
    """

  Scenario: Only null and false are false
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: only-null-and-false-are-false, version: '1.0.0' }
    do:
      - zero: { if: '0', set: '${ . + [ "zero" ] }' }
      - text: { if: '""', set: '${ . + [ "text" ] }' }
      - nothing: { if: '.[9]', set: '${ . + [ "nothing" ] }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ zero, text ]
    """

  Scenario: A failing expression is an expression error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-failing-expression-is-an-expression-error, version: '1.0.0' }
    do:
      - wrong: { set: { a: '${ .a + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    a: { b: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/wrong
    """

  Scenario: Loose mode tries every text
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: loose-mode-tries-every-text, version: '1.0.0' }
    evaluate: { mode: loose }
    do:
      - keep: { set: { sum: .a + 1, text: no expression at all } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 2
    text: no expression at all
    """

  Scenario: Expressions may span lines
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: expressions-may-span-lines, version: '1.0.0' }
    do:
      - keep:
          set:
            long: |
              ${
                [ .a,
                  .b ]
              }
    """
    And given the workflow input is:
    """yaml
    a: 1
    b: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    long: [ 1, 2 ]
    """

  Scenario: An unknown variable is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-unknown-variable-is-found-before-anything-runs, version: '1.0.0' }
    do:
      - keep: { set: { a: '${ $nothing }' } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0403'

  Scenario: An expression that cannot be read is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-expression-that-cannot-be-read-is-found-before, version: '1.0.0' }
    do:
      - keep: { set: { a: '${ .a + }' } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0401'

  Scenario: A text that looks interpolated is warned of
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-text-that-looks-interpolated-is-warned-of, version: '1.0.0' }
    do:
      - keep: { set: { a: 'Hello ${ .name }' } }
    """
    When the workflow is checked
    Then the definition should be accepted
    And the check should warn of 'FV0407'
