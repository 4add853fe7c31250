Feature: Functions and catalogs
  Tasks that are called by name.

  Scenario: A function of the definition
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-of-the-definition, version: '1.0.0' }
    use:
      functions:
        area:
          input:
            schema: { document: { type: object, required: [ width ], properties: { width: { type: number } } } }
          set: { area: '${ .width * .height }', input: '${ $input.width }' }
    do:
      - floor: { call: area, with: { width: '${ .w }', height: 3 } }
    """
    And given the workflow input is:
    """yaml
    w: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    area: 6
    input: 2
    """

  Scenario: A function validates what it gets
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-validates-what-it-gets, version: '1.0.0' }
    use:
      functions:
        area:
          input: { schema: { document: { properties: { width: { type: number } } } } }
          set: { area: 1 }
    do:
      - floor: { call: area, with: { width: '${ .w }' } }
    """
    And given the workflow input is:
    """yaml
    w: wide
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  Scenario: A function sees nothing of the caller's input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-sees-nothing-of-the-caller-s-input, version: '1.0.0' }
    use: { functions: { look: { set: '${ . }' } } }
    do:
      - bare: { call: look }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {}
    """

  Scenario: A function of several tasks that calls a service
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-of-several-tasks-that-calls-a-service, version: '1.0.0' }
    use:
      functions:
        petName:
          do:
            - load: { call: http, with: { method: get, endpoint: 'https://services.example/v2/pet/{id}' } }
            - name: { set: '${ .name }' }
    do:
      - pet: { call: petName, with: { id: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Rantanplan
    """

  Scenario: A function of the directory beside the definition
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-of-the-directory-beside-the-definition, version: '1.0.0' }
    do:
      - hello: { call: 'greet:1.2.0@default', with: { name: Ada } }
    """
    And given the file 'functions/greet/1.2.0/function.yaml' is:
    """yaml
    set: { text: '${ "Ciao " + .name }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: Ciao Ada
    """

  Scenario: A function of a catalog
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-of-a-catalog, version: '1.0.0' }
    use: { catalogs: { shared: { endpoint: https://services.example/catalog } } }
    do:
      - hello: { call: 'greet:1.0.0@shared', with: { name: Ada } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    greeting: Hello, Ada
    """

  Scenario: A function at an address
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-at-an-address, version: '1.0.0' }
    do:
      - hello:
          call: https://services.example/catalog/functions/greet/1.0.0/function.yaml
          with: { name: Ada }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    greeting: Hello, Ada
    """

  Scenario: A function that cannot be loaded is an error when it is called
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-that-cannot-be-loaded-is-an-error-when, version: '1.0.0' }
    do:
      - hello: { call: 'greet:9.9.9@default' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/hello
    """

  Scenario: A function that calls itself is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-that-calls-itself-is-refused, version: '1.0.0' }
    use:
      functions:
        again: { do: [ { more: { call: again } } ] }
    do:
      - start: { call: again }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0308'

  Scenario: A function that nobody declared is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-function-that-nobody-declared-is-refused, version: '1.0.0' }
    do:
      - start: { call: nothing }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0302'

  Scenario: Arguments that do not fit a function are refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: arguments-that-do-not-fit, version: '1.0.0' }
    use:
      functions:
        area:
          input: { schema: { document: { required: [ width ] } } }
          set: { area: 1 }
    do:
      - floor: { call: area, with: { height: 3 } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0603'
