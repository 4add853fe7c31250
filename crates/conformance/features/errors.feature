Feature: Standard errors
  Errors that the runtime raises, with their types and status.

  Scenario: A service that cannot be found is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-service-that-cannot-be-found-is-a-communication, version: '1.0.0' }
    do:
      - it:
          call: http
          with: { method: get, endpoint: https://services.example/status/410 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 410
    instance: /do/0/it
    """

  Scenario: A server that fails is a communication error with its status
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-server-that-fails-is-a-communication-error-with, version: '1.0.0' }
    do:
      - it:
          call: http
          with: { method: get, endpoint: https://services.example/status/502 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 502
    """

  Scenario: An address that is not public is an authorization error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-address-that-is-not-public-is-an-authorization, version: '1.0.0' }
    do:
      - it:
          call: http
          with: { method: get, endpoint: http://10.255.255.1/ }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    """

  Scenario: A token that is refused is an authentication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-token-that-is-refused-is-an-authentication-error, version: '1.0.0' }
    do:
      - it:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication: { oauth2: { authority: 'https://services.example/status/400', grant: client_credentials, client: { id: a, secret: b } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    """

  Scenario: A workflow that is not there is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-workflow-that-is-not-there-is-a-configuration-er, version: '1.0.0' }
    do:
      - it:
          run: { workflow: { namespace: features, name: nowhere, version: '1.0.0' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    """

  Scenario: Time that is over is a timeout error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: time-that-is-over-is-a-timeout-error, version: '1.0.0' }
    do:
      - it:
          timeout: { after: { milliseconds: 20 } }
          listen: { to: { one: { with: { type: com.example.never } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/it
    """

  Scenario: A place in a list is escaped as JSON pointers are
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-place-in-a-list-is-escaped-as-json-pointers-are, version: '1.0.0' }
    do:
      - a/b~c: { raise: { error: { type: https://example.com/e, status: 500 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/a~1b~0c
    """
