Feature: Run
  Processes, scripts and child workflows.

  Scenario: A command with arguments, environment and standard input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-command-with-arguments-environment-and-standard, version: '1.0.0' }
    do:
      - shell:
          run:
            shell:
              command: 'printf "%s %s %s" "$1" "$GREETING" "$(cat)"'
              arguments: [ '${ .name }' ]
              environment: { GREETING: ciao }
              stdin: ${ .text }
    """
    And given the workflow input is:
    """yaml
    name: Ada
    text: all
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Ada ciao all
    """

  Scenario: What a command prints is the output, without the last line break
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-a-command-prints-is-the-output-without-the-la, version: '1.0.0' }
    do:
      - shell:
          run:
            shell: { command: 'echo out; echo err >&2; exit 3' }
            return: stdout
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    out
    """

  Scenario: What a command says on standard error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: what-a-command-says-on-standard-error, version: '1.0.0' }
    do:
      - shell:
          run:
            shell: { command: 'echo out; echo err >&2; exit 3' }
            return: stderr
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    err
    """

  Scenario: The exit code is no error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-exit-code-is-no-error, version: '1.0.0' }
    do:
      - shell:
          run:
            shell: { command: 'echo out; echo err >&2; exit 3' }
            return: code
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  Scenario: Everything a command gives
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: everything-a-command-gives, version: '1.0.0' }
    do:
      - shell:
          run:
            shell: { command: 'echo out; echo err >&2; exit 3' }
            return: all
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { code: 3, stdout: out, stderr: err }
    """

  Scenario: Nothing of a command
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: nothing-of-a-command, version: '1.0.0' }
    do:
      - shell:
          run:
            shell: { command: 'echo out; echo err >&2; exit 3' }
            return: none
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    null
    """

  Scenario: A command that is not waited for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-command-that-is-not-waited-for, version: '1.0.0' }
    do:
      - shell:
          run:
            await: false
            shell: { command: 'exit 1' }
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

  Scenario: A script in JavaScript
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-script-in-javascript, version: '1.0.0' }
    do:
      - script:
          run:
            script:
              language: js
              arguments: [ '${ .words }' ]
              environment: { UNIT: words }
              code: |
                const count = process.argv[2].split(' ').length;
                console.log(`${count} ${process.env.UNIT}`);
    """
    And given the workflow input is:
    """yaml
    words: uno due tre
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3 words
    """

  Scenario: A script in Python
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-script-in-python, version: '1.0.0' }
    do:
      - script:
          run:
            script:
              language: python
              arguments: [ '${ .n }' ]
              stdin: '5'
              code: |
                import sys
                print(int(sys.argv[1]) * int(sys.stdin.read()))
          output: { as: tonumber }
    """
    And given the workflow input is:
    """yaml
    n: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    35
    """

  Scenario: A script beside the definition
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-script-beside-the-definition, version: '1.0.0' }
    do:
      - script:
          run:
            script:
              language: js
              source: { endpoint: scripts/hello.js }
    """
    And given the file 'scripts/hello.js' is:
    """yaml
    console.log('hello')
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello
    """

  Scenario: A child workflow, by its version
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-child-workflow-by-its-version, version: '1.0.0' }
    do:
      - child:
          run: { workflow: { namespace: features, name: child, version: '1.0.0', input: { n: '${ .a }' } } }
    """
    And given the file 'child-1.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '1.0.0' }
    input: { schema: { document: { required: [ n ] } } }
    do:
      - double: { set: { version: '1.0.0', n: '${ .n * 2 }' } }
    """
    And given the file 'child-2.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '2.0.0' }
    input: { schema: { document: { required: [ n ] } } }
    do:
      - double: { set: { version: '2.0.0', n: '${ .n * 2 }' } }
    """
    And given the workflow input is:
    """yaml
    a: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    version: '1.0.0'
    n: 8
    """

  Scenario: The latest version, with the task's input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-latest-version-with-the-task-s-input, version: '1.0.0' }
    do:
      - child:
          run: { workflow: { namespace: features, name: child, version: latest } }
    """
    And given the file 'child-1.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '1.0.0' }
    input: { schema: { document: { required: [ n ] } } }
    do:
      - double: { set: { version: '1.0.0', n: '${ .n * 2 }' } }
    """
    And given the file 'child-2.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '2.0.0' }
    input: { schema: { document: { required: [ n ] } } }
    do:
      - double: { set: { version: '2.0.0', n: '${ .n * 2 }' } }
    """
    And given the workflow input is:
    """yaml
    n: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    version: '2.0.0'
    n: 8
    """

  Scenario: The error of a child is the error of the task
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-error-of-a-child-is-the-error-of-the-task, version: '1.0.0' }
    do:
      - careful:
          try:
            - child: { run: { workflow: { namespace: features, name: child, version: latest } } }
          catch:
            errors: { with: { status: 400 } }
            do:
              - tell: { set: { type: '${ $error.type }' } }
    """
    And given the file 'child-1.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '1.0.0' }
    input: { schema: { document: { required: [ n ] } } }
    do:
      - double: { set: { version: '1.0.0', n: '${ .n * 2 }' } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    """

  Scenario: A child that is not waited for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-child-that-is-not-waited-for, version: '1.0.0' }
    do:
      - child:
          run:
            await: false
            workflow: { namespace: features, name: child, version: latest }
    """
    And given the file 'child.yaml' is:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: child, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: com.example.child } } } }
    """
    And given the workflow input is:
    """yaml
    n: 4
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 4
    """
    And an event should be published with:
    """yaml
    type: com.example.child
    """
