Feature: Switch
  A task that decides where to go.

  Scenario: The first case that holds is taken
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-first-case-that-holds-is-taken, version: '1.0.0' }
    do:
      - size:
          switch:
            - small: { when: . < 10, then: small }
            - other: { then: other }
            - large: { when: . > 100, then: large }
      - small: { set: { is: small }, then: end }
      - large: { set: { is: large }, then: end }
      - other: { set: { is: other } }
    """
    And given the workflow input is:
    """yaml
    5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    is: small
    """
    And size should run first
    And small should run last

  Scenario: The default counts last, wherever it is written
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-default-counts-last-wherever-it-is-written, version: '1.0.0' }
    do:
      - size:
          switch:
            - small: { when: . < 10, then: small }
            - other: { then: other }
            - large: { when: . > 100, then: large }
      - small: { set: { is: small }, then: end }
      - large: { set: { is: large }, then: end }
      - other: { set: { is: other } }
    """
    And given the workflow input is:
    """yaml
    500
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    is: large
    """

  Scenario: The default is taken when nothing else holds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-default-is-taken-when-nothing-else-holds, version: '1.0.0' }
    do:
      - size:
          switch:
            - small: { when: . < 10, then: small }
            - other: { then: other }
            - large: { when: . > 100, then: large }
      - small: { set: { is: small }, then: end }
      - large: { set: { is: large }, then: end }
      - other: { set: { is: other } }
    """
    And given the workflow input is:
    """yaml
    50
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    is: other
    """
    And large should not run

  Scenario: Without a match the task's own directive counts
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: without-a-match-the-task-s-own-directive-counts, version: '1.0.0' }
    do:
      - size:
          switch:
            - small: { when: . < 10, then: small }
          then: end
      - small: { set: { is: small } }
    """
    And given the workflow input is:
    """yaml
    50
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    50
    """
    And size should run last

  Scenario: A case may end the list or the workflow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-case-may-end-the-list-or-the-workflow, version: '1.0.0' }
    do:
      - around:
          do:
            - choose:
                switch:
                  - leave: { when: .leave, then: exit }
            - stay: { set: { stayed: true } }
      - after: { set: { got: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    leave: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: { leave: true }
    """
    And stay should not run

  Scenario: A second default is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-second-default-is-refused, version: '1.0.0' }
    do:
      - choose:
          switch:
            - one: { then: end }
            - two: { then: exit }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0503'
