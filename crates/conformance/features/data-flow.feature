Feature: Data flow
  What a task gets, what it gives, and in which order that happens.

  Scenario: The input of a task is filtered
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-input-of-a-task-is-filtered, version: '1.0.0' }
    do:
      - city:
          input: { from: .customer.address }
          set: { city: '${ .city }', raw: '${ $task.input.customer.id }' }
    """
    And given the workflow input is:
    """yaml
    customer: { id: 7, address: { city: Torino } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    city: Torino
    raw: 7
    """

  Scenario: The input of a workflow is filtered, its raw input is kept
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-input-of-a-workflow-is-filtered-its-raw-input, version: '1.0.0' }
    input: { from: .body }
    do:
      - keep: { set: { a: '${ .a }', raw: '${ $workflow.input.body.a }' } }
    """
    And given the workflow input is:
    """yaml
    body: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    raw: 1
    """

  Scenario: The output of a task is filtered
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-output-of-a-task-is-filtered, version: '1.0.0' }
    do:
      - load:
          call: http
          with: { method: get, endpoint: https://services.example/v2/pet/3 }
          output: { as: '{ id, mine: $input.mine }' }
    """
    And given the workflow input is:
    """yaml
    mine: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: 3
    mine: true
    """

  Scenario: An object as filter is a template
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-object-as-filter-is-a-template, version: '1.0.0' }
    do:
      - keep:
          set: { a: 1, b: 2 }
          output: { as: { sum: '${ .a + .b }', text: .a } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    text: .a
    """

  Scenario: The output of a workflow is filtered
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-output-of-a-workflow-is-filtered, version: '1.0.0' }
    do:
      - keep: { set: { a: 1, b: 2 } }
    output: { as: .b }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2
    """

  Scenario: The context starts empty, and each export replaces it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-context-starts-empty-and-each-export-replaces, version: '1.0.0' }
    do:
      - first:
          set: { before: '${ $context }' }
          export: { as: '$context + { first: .before }' }
      - second:
          set: { before: '${ $context }' }
          export: { as: { second: '${ $output.before }' } }
      - third: { set: { context: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    context: { second: { first: {} } }
    """

  Scenario: The export sees the filtered output
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-export-sees-the-filtered-output, version: '1.0.0' }
    do:
      - one:
          set: { a: { b: 1 } }
          output: { as: .a }
          export: { as: '{ seen: ., output: $output }' }
      - two: { set: '${ $context }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { b: 1 }
    output: { b: 1 }
    """

  Scenario: A condition is decided on the raw input, and a skipped task gives it on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-condition-is-decided-on-the-raw-input-and-a-skip, version: '1.0.0' }
    do:
      - skipped:
          if: .wanted
          input: { from: '.missing | error("never evaluated")' }
          set: { a: 1 }
      - after: { set: { got: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    wanted: false
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: { wanted: false }
    """
    And skipped should run 0 times
    And after should run first

  Scenario: The raw input of a workflow is validated before it is filtered
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-raw-input-of-a-workflow-is-validated-before-it, version: '1.0.0' }
    input:
      schema: { document: { type: object, required: [ amount ], properties: { amount: { type: number } } } }
      from: .amount
    do:
      - keep: { set: { amount: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    amount: a lot
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """
    And keep should not run

  Scenario: The raw input of a task is validated, and the error can be caught
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-raw-input-of-a-task-is-validated-and-the-error, version: '1.0.0' }
    do:
      - careful:
          try:
            - strict:
                input:
                  schema: { document: { type: object, required: [ id ] } }
                  from: .id
                set: { id: '${ . }' }
          catch:
            errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/validation } }
            do:
              - told: { set: { status: '${ $error.status }' } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 400
    """

  Scenario: The filtered output of a task is validated
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-filtered-output-of-a-task-is-validated, version: '1.0.0' }
    do:
      - keep:
          set: { a: text }
          output: { as: .a, schema: { document: { type: number } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/0/keep
    """

  Scenario: An exported context is validated
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: an-exported-context-is-validated, version: '1.0.0' }
    do:
      - keep:
          set: { a: 1 }
          export: { as: .a, schema: { document: { type: string } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  Scenario: The output of a workflow is validated
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-output-of-a-workflow-is-validated, version: '1.0.0' }
    do:
      - keep: { set: { a: 1 } }
    output: { schema: { document: { required: [ b ] } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  Scenario: A schema may lie beside the definition
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-schema-may-lie-beside-the-definition, version: '1.0.0' }
    input: { schema: { resource: { endpoint: schemas/order.json } } }
    do:
      - keep: { set: { ok: true } }
    """
    And given the file 'schemas/order.json' is:
    """yaml
    { "properties": { "id": { "type": "integer" } } }
    """
    And given the workflow input is:
    """yaml
    id: seven
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  Scenario: Outputs need not be objects
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: outputs-need-not-be-objects, version: '1.0.0' }
    do:
      - number: { set: '${ 20 + .a }' }
      - pair: { set: '${ [ $workflow.input.a, . ] }' }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 21 ]
    """

  Scenario: What tasks know about themselves, their workflow and the program
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-tasks-know-about-themselves-their-workflow-an, version: '1.0.0' }
    do:
      - look:
          metadata: { owner: ops }
          set:
            task: ${ $task.name }
            place: ${ $task.reference }
            owner: ${ $task.definition.metadata.owner }
            workflow: ${ $workflow.definition.document.name }
            id: ${ $workflow.id | type }
            started: ${ $workflow.startedAt.epoch.milliseconds > 0 }
            runtime: ${ $runtime.name }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    task: look
    place: /do/0/look
    owner: ops
    workflow: what-tasks-know-about-themselves-their-workflow-an
    id: string
    started: true
    runtime: Ferrovia
    """
