Feature: Calls over OpenAPI
  Operations by their ids.

  Scenario: Version 2, a parameter in the query
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: version-2-a-parameter-in-the-query, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://services.example/v2/swagger.json' }
            operationId: findPetsByStatus
            parameters: { status: '${ .status }' }
          output: { as: '[ .[].id ]' }
    """
    And given the workflow input is:
    """yaml
    status: sold
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 2, 4, 6, 8 ]
    """

  Scenario: Version 2, a parameter in the path, the whole answer
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: version-2-a-parameter-in-the-path-the-whole-answer, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://services.example/v2/swagger.json' }
            operationId: getPetById
            parameters: { petId: '${ .id }' }
            output: response
    """
    And given the workflow input is:
    """yaml
    id: 5
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties 'request.uri', 'headers', 'content.name'
    And the workflow output should have a 'content.id' property with value:
    """yaml
    5
    """

  Scenario: Version 3.1, parameters in path, query, header and body
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: version-3-1-parameters-in-path-query-header-and-bo, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://services.example/openapi.json' }
            operationId: sum
            parameters: { first: 1, second: 20, X-Third: 300, fourth: 4000 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 4321
    """

  Scenario: An operation that does not exist is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-operation-that-does-not-exist-is-an-error, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://services.example/v2/swagger.json' }
            operationId: sellPet
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario: A status that is no success is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-status-that-is-no-success-is-an-error, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://services.example/v2/swagger.json' }
            operationId: getPetById
            parameters: { petId: 404 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    instance: /do/0/ask
    """
