Feature: Wait and timeout
  Time that passes, and time that is over.

  Scenario: A duration in parts
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-duration-in-parts, version: '1.0.0' }
    do:
      - pause: { wait: { milliseconds: 15 } }
      - after: { set: { got: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: 1
    """
    And pause should complete
    And after should run after pause

  Scenario: A duration as ISO 8601
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-duration-as-iso-8601, version: '1.0.0' }
    do:
      - pause: { wait: PT0.015S }
      - after: { set: { got: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: 1
    """
    And pause should complete
    And after should run after pause

  Scenario: A duration that is computed
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-duration-that-is-computed, version: '1.0.0' }
    do:
      - pause: { wait: '${ .pause }' }
      - after: { set: { got: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    pause: PT0.01S
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: 1
    """
    And pause should complete
    And after should run after pause

  Scenario: A task's time is over and the error is caught around it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-task-s-time-is-over-and-the-error-is-caught-arou, version: '1.0.0' }
    do:
      - careful:
          try:
            - slow:
                timeout: { after: { milliseconds: 20 } }
                call: http
                with: { method: get, endpoint: https://services.example/silent }
          catch:
            errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout, status: 408 } }
            do:
              - tell: { set: { place: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    place: /do/0/careful/try/0/slow
    """

  Scenario: A try inside cannot catch the time limit around it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-try-inside-cannot-catch-the-time-limit-around-it, version: '1.0.0' }
    use: { timeouts: { short: { after: PT0.02S } } }
    do:
      - limited:
          timeout: short
          do:
            - careful:
                try:
                  - slow: { wait: PT1H }
                catch:
                  do:
                    - never: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/limited
    """
    And never should not run

  Scenario: A workflow's time is over
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-workflow-s-time-is-over, version: '1.0.0' }
    timeout: { after: { milliseconds: 20 } }
    do:
      - forever: { wait: { days: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    """

  Scenario: Who is in time sees nothing of a limit
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: who-is-in-time-sees-nothing-of-a-limit, version: '1.0.0' }
    do:
      - limited:
          timeout: { after: { hours: 1 } }
          do:
            - quick: { set: { ok: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ok: true
    """

  Scenario: A limit that does not exist is found before anything runs
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-limit-that-does-not-exist-is-found-before-anythi, version: '1.0.0' }
    do:
      - limited: { timeout: missing, wait: PT1S }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0301'
