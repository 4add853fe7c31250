Feature: Calls over HTTP
  Requests, answers, and what is made of them.

  Scenario: The content of an answer
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-content-of-an-answer, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/v2/pet/{id}
    """
    And given the workflow input is:
    """yaml
    id: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: 4
    name: Idefix
    status: sold
    photoUrls: []
    """

  Scenario: The whole answer
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-whole-answer, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: { uri: 'https://services.example/v2/pet/{id}' }
            output: response
    """
    And given the workflow input is:
    """yaml
    id: 4
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties 'request.method', 'request.uri', 'request.headers', 'headers', 'statusCode', 'content.name'
    And the workflow output should have a 'statusCode' property with value:
    """yaml
    200
    """
    And the workflow output should have a 'request.uri' property with value:
    """yaml
    https://services.example/v2/pet/4
    """

  Scenario: The raw answer is base64
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-raw-answer-is-base64, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/text
            output: raw
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    cGxhaW4gdGV4dA==
    """

  Scenario: Text is text
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: text-is-text, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    plain text
    """

  Scenario: Headers, query and body
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: headers-query-and-body, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: post
            endpoint: '${ "https://services.example/mirror/\(.place)" }'
            headers: { X-Shop: '${ .shop }' }
            query: { tag: [ a, b ], none: null, page: 2 }
            body: { sku: '${ .sku }', quantity: 1 }
          output: { as: '{ path, method, query, body, shop: .headers["x-shop"] }' }
    """
    And given the workflow input is:
    """yaml
    place: here
    shop: torino
    sku: BEAN-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    path: /mirror/here
    method: POST
    query: tag=a&tag=b&page=2
    shop: torino
    body: { sku: BEAN-1, quantity: 1 }
    """

  Scenario: A request that changes something carries a key, the same in every run
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-request-that-changes-something-carries-a-key-the, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: put
            endpoint: https://services.example/mirror
            body: {}
          output: { as: '.headers["idempotency-key"] | test("/do/0/ask")' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  Scenario: A redirect is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-redirect-is-an-error, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/moved
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 302
    """

  Scenario: A redirect is followed if asked
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-redirect-is-followed-if-asked, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/moved
            redirect: true
          output: { as: .path }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /mirror/moved
    """

  Scenario: A template takes texts and numbers only
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-template-takes-texts-and-numbers-only, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint: https://services.example/v2/pet/{id}
    """
    And given the workflow input is:
    """yaml
    id: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    """
