Feature: Fork
  Branches that run side by side.

  Scenario: All outputs, in the order in which the branches are written
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: all-outputs-in-the-order-in-which-the-branches-are, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - slow:
                  do:
                    - pause: { wait: { milliseconds: 30 } }
                    - done: { set: { slow: '${ .n }' } }
              - fast: { set: { fast: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { slow: 1 }, { fast: 1 } ]
    """

  Scenario: The first branch to complete wins, the others are dropped
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: the-first-branch-to-complete-wins-the-others-are-d, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - never:
                  call: http
                  with: { method: get, endpoint: https://services.example/silent }
              - soon: { set: { winner: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    winner: 1
    """
    And never should cancel
    And soon should complete

  Scenario: A branch that fails is out of the race
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-branch-that-fails-is-out-of-the-race, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - broken: { raise: { error: { type: https://example.com/broken, status: 500 } } }
              - sound:
                  do:
                    - pause: { wait: { milliseconds: 20 } }
                    - done: { set: { winner: sound } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    winner: sound
    """
    And broken should fault

  Scenario: When all competitors fail the fork fails
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: when-all-competitors-fail-the-fork-fails, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - one: { raise: { error: { type: https://example.com/one, status: 500 } } }
              - two: { raise: { error: { type: https://example.com/two, status: 501 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/two
    status: 501
    instance: /do/0/race/fork/branches/1/two
    """

  Scenario: A failing branch fails a fork that waits for all
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: a-failing-branch-fails-a-fork-that-waits-for-all, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - waits: { listen: { to: { one: { with: { type: com.example.never } } } } }
              - broken: { raise: { error: { type: https://example.com/broken, status: 500 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/broken
    """
    And both should fault

  Scenario: Exit ends a branch, end the workflow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: exit-ends-a-branch-end-the-workflow, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - one:
                  do:
                    - leave: { set: { one: true }, then: exit }
                    - never: { set: { a: 1 } }
              - two: { set: { two: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { one: true }, { two: true } ]
    """
    And never should not run

  Scenario: Branches cannot go to each other
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: features, name: branches-cannot-go-to-each-other, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - one: { set: { a: 1 }, then: two }
              - two: { set: { a: 2 } }
    """
    When the workflow is checked
    Then the definition should be refused with 'FV0501'
