Feature: Schedule
  Workflows that start by themselves.

  Scenario: An event starts a workflow, and its data is the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-event-starts-a-workflow-and-its-data-is-the-inp, version: '1.0.0' }
    schedule: { on: { one: { with: { type: com.house.door } } } }
    do:
      - keep: { set: '${ $workflow.input }' }
    """
    And given these events arrive:
    """yaml
    - { id: '1', source: /house, type: com.house.temperature, roomid: kitchen, data: { celsius: 19 } }
    - { id: '2', source: /house, type: com.house.humidity, roomid: attic, data: { percent: 60 } }
    - { id: '3', source: /house, type: com.house.temperature, roomid: attic, data: { celsius: 31 } }
    - { id: '4', source: /house, type: com.house.door, roomid: hall, data: { open: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { open: true } ]
    """

  Scenario: Several events start a workflow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: several-events-start-a-workflow, version: '1.0.0' }
    schedule:
      on:
        all:
          - with: { type: com.house.door }
          - with: { type: com.house.humidity }
      read: envelope
    do:
      - keep: { set: '${ [ .[].id ] }' }
    """
    And given these events arrive:
    """yaml
    - { id: '1', source: /house, type: com.house.temperature, roomid: kitchen, data: { celsius: 19 } }
    - { id: '2', source: /house, type: com.house.humidity, roomid: attic, data: { percent: 60 } }
    - { id: '3', source: /house, type: com.house.temperature, roomid: attic, data: { celsius: 31 } }
    - { id: '4', source: /house, type: com.house.door, roomid: hall, data: { open: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '2', '4' ]
    """

  Scenario: A scheduled workflow can be started by hand
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-scheduled-workflow-can-be-started-by-hand, version: '1.0.0' }
    schedule: { cron: '0 6 * * 1-5' }
    do:
      - keep: { set: { by: hand } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    by: hand
    """

  Scenario: A schedule that cannot be is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-schedule-that-cannot-be-is-found-before-anything, version: '1.0.0' }
    schedule: { cron: '61 6 * * *' }
    do:
      - keep: { set: { a: 1 } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0605'
