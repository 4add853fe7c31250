Feature: Raise
  Errors that a workflow raises.

  Scenario: An error of one's own
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-of-one-s-own, version: '1.0.0' }
    do:
      - around:
          do:
            - refuse:
                raise:
                  error:
                    type: https://shop.example/errors/out-of-stock
                    status: 409
                    title: Out of stock
                    detail: '${ "no \(.sku) left" }'
    """
    And given the workflow input is:
    """yaml
    sku: BEAN-1
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://shop.example/errors/out-of-stock
    status: 409
    title: Out of stock
    detail: no BEAN-1 left
    instance: /do/0/around/do/0/refuse
    """
    And refuse should fault
    And around should fault

  Scenario: An error that is declared once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-that-is-declared-once, version: '1.0.0' }
    use:
      errors:
        gone: { type: https://shop.example/errors/gone, status: 410, title: Gone }
    do:
      - refuse: { raise: { error: gone } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://shop.example/errors/gone
    status: 410
    title: Gone
    instance: /do/0/refuse
    """

  Scenario: The place is the task's, whatever the author writes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-place-is-the-task-s-whatever-the-author-writes, version: '1.0.0' }
    do:
      - refuse: { raise: { error: { type: https://example.com/e, status: 500, instance: /elsewhere } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/refuse
    """

  Scenario: An error that is not declared is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-that-is-not-declared-is-found-before-anyt, version: '1.0.0' }
    do:
      - refuse: { raise: { error: gone } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0301'
