Feature: Extensions
  Tasks around tasks.

  Scenario: Before and after, outermost first
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: before-and-after-outermost-first, version: '1.0.0' }
    use:
      extensions:
        - outer:
            extend: set
            before: [ { outerBefore: { emit: { event: { with: { type: com.example.outer.before } } } } } ]
            after: [ { outerAfter: { emit: { event: { with: { type: com.example.outer.after, data: '${ . }' } } } } } ]
        - inner:
            extend: set
            before: [ { innerBefore: { emit: { event: { with: { type: com.example.inner.before } } } } } ]
            after: [ { innerAfter: { emit: { event: { with: { type: com.example.inner.after } } } } } ]
    do:
      - work: { set: { done: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    done: 1
    """
    And outerBefore should run first
    And innerBefore should run after outerBefore
    And work should run after innerBefore
    And innerAfter should run after work
    And outerAfter should run last
    And an event should be published with:
    """yaml
    type: com.example.outer.after
    data: { done: 1 }
    """

  Scenario: An extension takes the place of a call
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-extension-takes-the-place-of-a-call, version: '1.0.0' }
    use:
      extensions:
        - mock:
            extend: call
            when: $task.with.endpoint | startswith("https://unreachable.example")
            before:
              - answer: { set: { mocked: true }, then: exit }
    do:
      - ask: { call: http, with: { method: get, endpoint: https://unreachable.example/ } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mocked: true
    """

  Scenario: An extension whose condition does not hold does nothing
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-extension-whose-condition-does-not-hold-does-no, version: '1.0.0' }
    use:
      extensions:
        - mock:
            extend: all
            when: $task.name == "other"
            before:
              - answer: { set: { mocked: true }, then: exit }
    do:
      - work: { set: { mocked: false } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mocked: false
    """
    And answer should not run

  Scenario: Composite tasks are extended as such
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: composite-tasks-are-extended-as-such, version: '1.0.0' }
    use:
      extensions:
        - watch:
            extend: composite
            before: [ { seen: { emit: { event: { with: { type: com.example.seen, data: '${ $task.name }' } } } } } ]
    do:
      - around:
          do:
            - inner: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And 1 events should be published
    And an event should be published with:
    """yaml
    data: around
    """
