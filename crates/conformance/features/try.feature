Feature: Try
  Errors that are caught, and work that is tried again.

  Scenario: An error is caught and handled
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-is-caught-and-handled, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask:
                call: http
                with: { method: get, endpoint: https://services.example/status/404 }
          catch:
            errors:
              with: { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 404 }
            as: problem
            do:
              - tell: { set: { status: '${ $problem.status }', place: '${ $problem.instance }', input: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 404
    place: /do/0/careful/try/0/ask
    input: 1
    """
    And ask should fault
    And careful should complete

  Scenario: Another error goes on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: another-error-goes-on, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/status/404 } }
          catch:
            errors: { with: { status: 503 } }
            do:
              - never: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    instance: /do/0/careful/try/0/ask
    """
    And never should not run

  Scenario: An empty catch takes everything and gives the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-empty-catch-takes-everything-and-gives-the-inpu, version: '1.0.0' }
    do:
      - careful:
          try:
            - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
          catch: {}
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

  Scenario: An error is caught when a condition holds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-is-caught-when-a-condition-holds, version: '1.0.0' }
    do:
      - careful:
          try:
            - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
          catch:
            when: .status == 503
            do:
              - done: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: An error is not caught when the condition does not hold
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-is-not-caught-when-the-condition-does-not, version: '1.0.0' }
    do:
      - careful:
          try:
            - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
          catch:
            when: $error.status == 500
            do:
              - done: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """

  Scenario: An error is not caught when the exception holds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-is-not-caught-when-the-exception-holds, version: '1.0.0' }
    do:
      - careful:
          try:
            - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
          catch:
            exceptWhen: .title == "Busy"
            do:
              - done: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """

  Scenario: After an error control may go elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: after-an-error-control-may-go-elsewhere, version: '1.0.0' }
    do:
      - careful:
          try:
            - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
          catch: { then: recover }
          then: end
      - skipped: { set: { a: 1 } }
      - recover: { set: { recovered: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    recovered: true
    """
    And skipped should not run

  Scenario: An error in the handler is not caught by the same try
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-error-in-the-handler-is-not-caught-by-the-same, version: '1.0.0' }
    do:
      - outer:
          try:
            - inner:
                try:
                  - fail: { raise: { error: { type: https://example.com/errors/busy, status: 503, title: Busy } } }
                catch:
                  do:
                    - again: { raise: { error: { type: https://example.com/errors/again, status: 500 } } }
          catch:
            as: e
            do:
              - tell: { set: { place: '${ $e.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    place: /do/0/outer/try/0/inner/catch/do/0/again
    """

  Scenario: What fails for a while is tried again
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-fails-for-a-while-is-tried-again, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/flaky/2 } }
          catch:
            errors: { with: { status: 503 } }
            retry:
              delay: { milliseconds: 5 }
              backoff: { exponential: {} }
              jitter: { from: { milliseconds: 1 }, to: { milliseconds: 3 } }
              limit: { attempt: { count: 5 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    attempt: 3
    """
    And ask should run 3 times
    And the services should get '/flaky/2' 3 times

  Scenario: The limit counts retries, and then the error goes on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-limit-counts-retries-and-then-the-error-goes-o, version: '1.0.0' }
    use:
      retries:
        twice: { delay: { milliseconds: 1 }, backoff: { linear: {} }, limit: { attempt: { count: 2 } } }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/flaky/9 } }
          catch: { retry: twice }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    instance: /do/0/careful/try/0/ask
    """
    And the services should get '/flaky/9' 3 times

  Scenario: When retries are used up the handler runs once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: when-retries-are-used-up-the-handler-runs-once, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/flaky/9 } }
          catch:
            retry: { delay: { milliseconds: 1 }, backoff: { constant: {} }, limit: { attempt: { count: 1 } } }
            do:
              - giveUp: { set: { gaveUp: '${ $error.status }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    gaveUp: 503
    """
    And giveUp should run 1 times
    And the services should get '/flaky/9' 2 times

  Scenario: A retry has conditions of its own
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-retry-has-conditions-of-its-own, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/status/404 } }
          catch:
            retry: { when: .status == 503, delay: { milliseconds: 1 }, limit: { attempt: { count: 5 } } }
            do:
              - tell: { set: { asked: once } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    asked: once
    """
    And the services should get '/status/404' 1 times

  Scenario: An attempt that takes too long is tried again
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-attempt-that-takes-too-long-is-tried-again, version: '1.0.0' }
    do:
      - careful:
          try:
            - ask: { call: http, with: { method: get, endpoint: https://services.example/silent } }
          catch:
            retry:
              delay: { milliseconds: 1 }
              limit: { attempt: { count: 1, duration: { milliseconds: 60 } } }
            do:
              - tell: { set: { type: '${ $error.type }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    """
    And ask should run 2 times
