Feature: Authentication
  Credentials of calls, and secrets.

  Scenario: Basic
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: basic, version: '1.0.0' }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/basic-auth/{user}/{password}
              authentication:
                basic: { username: '${ .user }', password: '${ .password }' }
    """
    And given the workflow input is:
    """yaml
    user: ada
    password: s3cret
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    authenticated: true
    user: ada
    """

  Scenario: Basic with a wrong password
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: basic-with-a-wrong-password, version: '1.0.0' }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/basic-auth/ada/s3cret
              authentication:
                basic: { username: ada, password: guess }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 401
    """

  Scenario: Bearer
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: bearer, version: '1.0.0' }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                bearer: { token: '${ .token }' }
    """
    And given the workflow input is:
    """yaml
    token: t0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    token: t0
    """

  Scenario: OAuth 2 client credentials
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: oauth-2-client-credentials, version: '1.0.0' }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                oauth2: { authority: 'https://services.example', grant: client_credentials, client: { id: shop, secret: s3cret } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    token: for-shop
    """
    And the services should get '/oauth2/token' 1 times

  Scenario: OpenID Connect finds its endpoints
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: openid-connect-finds-its-endpoints, version: '1.0.0' }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                oidc: { authority: 'https://services.example', grant: client_credentials, client: { id: shop, secret: s3cret } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    token: for-shop
    """
    And the services should get '/.well-known/openid-configuration' 1 times

  Scenario: Declared once, with a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: declared-once-with-a-secret, version: '1.0.0' }
    use:
      secrets: [ shop ]
      authentications:
        shop: { bearer: { token: '${ $secrets.shop.token }' } }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                use: shop
    """
    And given the secrets are:
    """yaml
    shop: { token: s3cret }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    token: s3cret
    """

  Scenario: A whole policy as a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-whole-policy-as-a-secret, version: '1.0.0' }
    use: { secrets: [ shop ] }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                bearer: { use: shop }
    """
    And given the secrets are:
    """yaml
    shop: { token: s3cret }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    token: s3cret
    """

  Scenario: A secret that is missing is an authorization error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-secret-that-is-missing-is-an-authorization-error, version: '1.0.0' }
    use: { secrets: [ shop ] }
    do:
      - login:
          call: http
          with:
            method: get
            endpoint:
              uri: https://services.example/bearer
              authentication:
                bearer: { use: shop }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    """

  Scenario: A secret cannot become data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-secret-cannot-become-data, version: '1.0.0' }
    use: { secrets: [ shop ] }
    do:
      - leak: { set: { token: '${ $secrets.shop }' } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0406'
