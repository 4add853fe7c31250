Feature: Listen
  Events that a workflow waits for.

  Scenario: One event
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: one-event, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one: { with: { type: com.house.humidity } }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { percent: 60 } ]
    """

  Scenario: A filter on data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-filter-on-data, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one: { with: { type: com.house.temperature, data: '${ .celsius > 30 }' } }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 31 } ]
    """

  Scenario: A filter on an extension attribute
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-filter-on-an-extension-attribute, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one: { with: { roomid: hall } }
    """
    And given the workflow input is:
    """yaml
    {}
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

  Scenario: A filter is a regular expression from beginning to end
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-filter-is-a-regular-expression-from-beginning-to, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one: { with: { type: 'com\.house\.(door|window)' } }
    """
    And given the workflow input is:
    """yaml
    {}
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

  Scenario: A filter that compares with the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-filter-that-compares-with-the-input, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one: { with: { roomid: '${ "attic" }', type: com.house.temperature } }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 31 } ]
    """

  Scenario: All filters, in any order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: all-filters-in-any-order, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              all:
                - with: { type: com.house.door }
                - with: { type: com.house.humidity }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { percent: 60 }, { open: true } ]
    """

  Scenario: Any of several filters
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: any-of-several-filters, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              any:
                - with: { type: com.house.door }
                - with: { type: com.house.humidity }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { percent: 60 } ]
    """

  Scenario: Any event at all
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: any-event-at-all, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              any: []
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 19 } ]
    """

  Scenario: Until a condition holds for what was consumed
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: until-a-condition-holds-for-what-was-consumed, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              any:
                - with: { type: com.house.temperature }
                - with: { type: com.house.door }
              until: length == 3
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 19 }, { celsius: 31 }, { open: true } ]
    """

  Scenario: Until another event, which is not part of the output
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: until-another-event-which-is-not-part-of-the-outpu, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              any:
                - with: { type: com.house.temperature }
              until: { one: { with: { type: com.house.door } } }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 19 }, { celsius: 31 } ]
    """

  Scenario: Events that belong together by their first value
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: events-that-belong-together-by-their-first-value, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              all:
                - with: { type: com.house.humidity }
                  correlate: { room: { from: .roomid } }
                - with: { type: com.house.temperature }
                  correlate: { room: { from: .roomid } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    And given these events arrive:
    """yaml
    - { id: '2', source: /house, type: com.house.humidity, roomid: attic, data: { percent: 60 } }
    - { id: '1', source: /house, type: com.house.temperature, roomid: kitchen, data: { celsius: 19 } }
    - { id: '3', source: /house, type: com.house.temperature, roomid: attic, data: { celsius: 31 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { percent: 60 }, { celsius: 31 } ]
    """

  Scenario: Events that belong together by a value of the run
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: events-that-belong-together-by-a-value-of-the-run, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              one:
                with: { type: com.house.temperature }
                correlate: { room: { from: .roomid, expect: '${ .room }' } }
    """
    And given the workflow input is:
    """yaml
    room: attic
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
    [ { celsius: 31 } ]
    """

  Scenario: Whole events
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: whole-events, version: '1.0.0' }
    do:
      - hear:
          listen:
            to: { one: { with: { type: com.house.door } } }
            read: envelope
          output: { as: '.[0] | { id, type, data }' }
    """
    And given the workflow input is:
    """yaml
    {}
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
    { id: '4', type: com.house.door, data: { open: true } }
    """

  Scenario: Each event is handled, and what comes out is collected
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: each-event-is-handled-and-what-comes-out-is-collec, version: '1.0.0' }
    do:
      - hear:
          listen:
            to:
              any: [ { with: { type: com.house.temperature } } ]
              until: '($context.seen | length) >= 2'
          foreach:
            item: reading
            at: number
            do:
              - convert: { set: { number: '${ $number }', fahrenheit: '${ $reading.celsius * 9 / 5 + 32 | round }' } }
            output: { as: .fahrenheit }
            export: { as: '$context + { seen: ($context.seen + [ $reading ]) }' }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ 66, 88 ]
    """
    And convert should run 2 times

  Scenario: Without names handlers see item and index
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: without-names-handlers-see-item-and-index, version: '1.0.0' }
    do:
      - hear:
          listen:
            to: { any: [], until: length == 2 }
          foreach:
            do:
              - keep: { set: '${ [ $index, $item ] }' }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ [ 0, { celsius: 19 } ], [ 1, { percent: 60 } ] ]
    """

  Scenario: An event that comes too early is kept
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-event-that-comes-too-early-is-kept, version: '1.0.0' }
    do:
      - pause: { wait: { milliseconds: 30 } }
      - hear: { listen: { to: { one: { with: { type: com.house.door } } } } }
    """
    And given the workflow input is:
    """yaml
    {}
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

  Scenario: An event is consumed once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-event-is-consumed-once, version: '1.0.0' }
    do:
      - first: { listen: { to: { one: { with: { type: com.house.temperature } } } } }
      - second:
          listen: { to: { one: { with: { type: com.house.temperature } } } }
          output: { as: '$input + .' }
    """
    And given the workflow input is:
    """yaml
    {}
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
    [ { celsius: 19 }, { celsius: 31 } ]
    """

  Scenario: What never comes is waited for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-never-comes-is-waited-for, version: '1.0.0' }
    do:
      - hear: { listen: { to: { one: { with: { type: com.house.window } } } } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    And given these events arrive:
    """yaml
    - { id: '1', source: /house, type: com.house.temperature, roomid: kitchen, data: { celsius: 19 } }
    - { id: '2', source: /house, type: com.house.humidity, roomid: attic, data: { percent: 60 } }
    - { id: '3', source: /house, type: com.house.temperature, roomid: attic, data: { celsius: 31 } }
    - { id: '4', source: /house, type: com.house.door, roomid: hall, data: { open: true } }
    """
    When the workflow is executed
    Then the workflow should still be waiting
