Feature: Set
  A task that makes data out of literals and expressions.

  Scenario: Literals and expressions, at any depth
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: literals-and-expressions-at-any-depth, version: '1.0.0' }
    do:
      - order:
          set:
            sku: BEAN-1
            total: ${ .price * .quantity }
            lines: [ '${ .quantity }', { note: '${ .note // "none" }' } ]
    """
    And given the workflow input is:
    """yaml
    price: 7
    quantity: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sku: BEAN-1
    total: 21
    lines: [ 3, { note: none } ]
    """

  Scenario: The output replaces the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-output-replaces-the-input, version: '1.0.0' }
    do:
      - one: { set: { a: 1 } }
      - two: { set: { b: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    c: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 1
    """

  Scenario: An expression as the whole value
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-expression-as-the-whole-value, version: '1.0.0' }
    do:
      - names: { set: '${ [ .people[].name ] }' }
    """
    And given the workflow input is:
    """yaml
    people: [ { name: Ada }, { name: Grace } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ Ada, Grace ]
    """

  Scenario: What looks like an expression in data is data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-looks-like-an-expression-in-data-is-data, version: '1.0.0' }
    do:
      - copy: { set: { text: '${ .text }' } }
    """
    And given the workflow input is:
    """yaml
    text: '${ 1 + 1 }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: '${ 1 + 1 }'
    """

  Scenario: Keys are never evaluated, and nothing is interpolated
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: keys-are-never-evaluated-and-nothing-is-interpolat, version: '1.0.0' }
    do:
      - keep: { set: { '${ .a }': 'Hello ${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '${ .a }': 'Hello ${ .a }'
    """
