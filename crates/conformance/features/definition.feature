Feature: Definitions
  What is accepted, and what is refused before anything runs.

  Scenario: Every kind of call and process is understood
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: every-kind-of-call-and-process-is-understood, version: '1.0.0' }
    do:
      - grpc:
          call: grpc
          with:
            proto: { endpoint: greet.proto }
            service: { name: Greeter, host: localhost, port: 5011 }
            method: SayHello
            arguments: { name: '${ .name }' }
      - mcp:
          call: mcp
          with:
            method: tools/call
            parameters: { name: weather, arguments: { city: Torino } }
            transport: { http: { endpoint: https://services.example/mcp } }
      - a2a: { call: a2a, with: { method: message/send, server: https://services.example/agent, parameters: { message: { parts: [] } } } }
      - container:
          run:
            container: { image: alpine, command: date, lifetime: { cleanup: eventually, after: { minutes: 5 } } }
      - publish:
          call: asyncapi
          with:
            document: { endpoint: https://services.example/asyncapi.json }
            operation: tell
            message: { payload: { a: 1 } }
    """
    When the workflow is checked
    Then the definition should be accepted

  Scenario: The tasks of a subscription know its items
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-tasks-of-a-subscription-know-its-items, version: '1.0.0' }
    do:
      - notices:
          call: asyncapi
          with:
            document: { endpoint: https://services.example/asyncapi.json }
            operation: hear
            subscription:
              consume: { amount: 3 }
              foreach:
                item: notice
                do:
                  - keep: { set: { text: '${ $notice.text }', place: '${ $index }' } }
    """
    When the workflow is checked
    Then the definition should be accepted

  Scenario: The tasks of a subscription know nothing else
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-tasks-of-a-subscription-know-nothing-else, version: '1.0.0' }
    do:
      - notices:
          call: asyncapi
          with:
            document: { endpoint: https://services.example/asyncapi.json }
            operation: hear
            subscription:
              consume: { amount: 3 }
              foreach:
                item: notice
                do:
                  - keep: { set: { text: '${ $message.text }', place: '${ $index }' } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0403'

  Scenario: A version that is none is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: version, version: one }
    do: []
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0205'

  Scenario: A document of another format is refused
    Given a workflow with definition:
    """yaml
    id: greeting
    version: '1.0'
    specVersion: '0.8'
    start: Greet
    states: [ { name: Greet, type: inject, data: { a: 1 }, end: true } ]
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0214'

  Scenario: A misspelled property is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-misspelled-property-is-refused, version: '1.0.0' }
    do:
      - ask: { cal: http, with: { method: get, endpoint: https://services.example/text } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0202'

  Scenario: A task of two kinds is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-task-of-two-kinds-is-refused, version: '1.0.0' }
    do:
      - both: { set: { a: 1 }, wait: PT1S }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0209'

  Scenario: A task that nothing leads to is warned of
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-task-that-nothing-leads-to-is-warned-of, version: '1.0.0' }
    do:
      - one: { set: { a: 1 }, then: end }
      - two: { set: { a: 2 } }
    """
    When the workflow is checked
    Then the definition should be accepted
    And the check should warn of 'FV0502'

  Scenario: The root is open to other properties
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-root-is-open-to-other-properties, version: '1.0.0' }
    x-owner: ops
    do:
      - one: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  Scenario: JSON is accepted
    Given a workflow with definition:
    """yaml
    { "document": { "dsl": "1.0.3", "namespace": "features", "name": "json", "version": "1.0.0" },
      "do": [ { "one": { "set": { "a": 1 } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
