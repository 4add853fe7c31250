Feature: Emit
  Events that a workflow publishes.

  Scenario: An event is published, and it is the task's output
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-event-is-published-and-it-is-the-task-s-output, version: '1.0.0' }
    do:
      - tell:
          emit:
            event:
              with:
                source: https://shop.example
                type: com.shop.order.placed
                subject: ${ .order }
                data: { order: '${ .order }' }
    """
    And given the workflow input is:
    """yaml
    order: O-1
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties 'id', 'specversion', 'time', 'source', 'type', 'subject', 'data'
    And the workflow output should have a 'data.order' property with value:
    """yaml
    O-1
    """
    And 1 events should be published
    And an event should be published with:
    """yaml
    source: https://shop.example
    type: com.shop.order.placed
    subject: O-1
    data: { order: O-1 }
    """

  Scenario: What an author leaves out is filled in
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-an-author-leaves-out-is-filled-in, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: com.shop.tick } } } }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a 'specversion' property with value:
    """yaml
    '1.0'
    """
    And the workflow output should have a 'source' property with value:
    """yaml
    /features/what-an-author-leaves-out-is-filled-in/1.0.0
    """

  Scenario: Extension attributes and times are kept
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: extension-attributes-and-times-are-kept, version: '1.0.0' }
    do:
      - tell:
          emit: { event: { with: { id: e-1, type: com.shop.tick, time: '2026-01-02T03:04:05Z', tenant: acme } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: e-1
    specversion: '1.0'
    type: com.shop.tick
    source: /features/extension-attributes-and-times-are-kept/1.0.0
    time: '2026-01-02T03:04:05Z'
    tenant: acme
    """

  Scenario: A workflow hears its own events
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-workflow-hears-its-own-events, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: com.shop.tick, data: 7 } } } }
      - hear: { listen: { to: { one: { with: { type: com.shop.tick } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 7 ]
    """
