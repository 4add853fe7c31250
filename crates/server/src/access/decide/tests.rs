//! Examples of decisions, and what holds for all of them.

use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_000_000;
const NAMES: [&str; 3] = ["a", "b", "c"];

fn grant(role: Role, namespace: &str) -> Grant {
    let namespace = Namespaces::try_from(namespace.to_owned()).unwrap();
    Grant { role, namespace }
}

fn user(grants: &[Grant]) -> Principal {
    Principal {
        bearer: Bearer::User(UserId("ada".to_owned())),
        grants: grants.to_vec(),
        expires_ms: None,
    }
}

fn key(grants: &[Grant], scopes: &[Scope]) -> Principal {
    Principal {
        bearer: Bearer::Key {
            id: TokenId::parse("00112233445566ff").unwrap(),
            owner: UserId("ada".to_owned()),
            scopes: scopes.to_vec(),
        },
        ..user(grants)
    }
}

fn scope(actions: Actions, namespace: &str) -> Scope {
    let namespace = Namespaces::try_from(namespace.to_owned()).unwrap();
    Scope { actions, namespace }
}

fn only(actions: &[Action]) -> Actions {
    Actions::Only(actions.iter().copied().collect())
}

fn set_up() -> Principal {
    Principal {
        bearer: Bearer::SetUp,
        ..user(&[])
    }
}

fn judge(principal: &Principal, action: Action, target: Target<'_>) -> Verdict {
    decide(Some(principal), action, target, NOW_MS)
}

#[test]
fn a_role_holds_in_its_namespace() {
    let ada = user(&[grant(Role::Operator, "a"), grant(Role::Viewer, "b")]);
    for (action, target, verdict) in [
        (Action::StartRuns, Target::Namespace("a"), Verdict::Allow),
        (Action::StartRuns, Target::Namespace("b"), Verdict::Forbid),
        (Action::StartRuns, Target::Namespace("c"), Verdict::Hide),
        (Action::StartRuns, Target::Everywhere, Verdict::Forbid),
        (Action::ReadRuns, Target::Namespace("b"), Verdict::Allow),
        (Action::ReadRuns, Target::Namespace("*"), Verdict::Hide),
        (Action::ReadRuns, Target::Namespace("A"), Verdict::Hide),
        (Action::ReadRuns, Target::Namespace(""), Verdict::Hide),
        (
            Action::PublishDefinitions,
            Target::Namespace("a"),
            Verdict::Forbid,
        ),
        (Action::OwnAccount, Target::Everywhere, Verdict::Allow),
        (Action::OwnAccount, Target::Namespace("c"), Verdict::Allow),
    ] {
        assert_eq!(
            judge(&ada, action, target),
            verdict,
            "{action:?} {target:?}"
        );
    }
}

#[test]
fn an_administrator_of_one_namespace_is_none_of_the_server() {
    let local = user(&[grant(Role::Administrator, "a"), grant(Role::Viewer, "*")]);
    assert_eq!(
        judge(&local, Action::ManageRoles, Target::Namespace("a")),
        Verdict::Allow
    );
    for action in [
        Action::ManageUsers,
        Action::ManageKeys,
        Action::ManageServer,
    ] {
        for target in [Target::Namespace("a"), Target::Everywhere] {
            assert_eq!(judge(&local, action, target), Verdict::Forbid, "{action:?}");
        }
    }
    assert_eq!(
        judge(&local, Action::ReadMetrics, Target::Everywhere),
        Verdict::Allow
    );
    let whole = user(&[grant(Role::Administrator, "*")]);
    for action in Action::EACH {
        let expected = match action {
            Action::SetUp => Verdict::Forbid,
            _ => Verdict::Allow,
        };
        assert_eq!(
            judge(&whole, action, Target::Everywhere),
            expected,
            "{action:?}"
        );
    }
}

#[test]
fn nobody_and_what_has_expired_is_anonymous() {
    let mut ada = user(&[grant(Role::Administrator, "*")]);
    for action in Action::EACH {
        for target in [Target::Namespace("a"), Target::Everywhere] {
            assert_eq!(decide(None, action, target, NOW_MS), Verdict::Anonymous);
            ada.expires_ms = Some(NOW_MS);
            assert_eq!(judge(&ada, action, target), Verdict::Anonymous);
        }
    }
    ada.expires_ms = Some(NOW_MS + 1);
    assert_eq!(
        judge(&ada, Action::ReadRuns, Target::Namespace("a")),
        Verdict::Allow
    );
    let mut set_up = set_up();
    set_up.expires_ms = Some(NOW_MS);
    assert_eq!(
        judge(&set_up, Action::SetUp, Target::Everywhere),
        Verdict::Anonymous
    );
}

#[test]
fn the_set_up_token_sets_up_and_does_nothing_else() {
    let mut token = set_up();
    for grants in [vec![], vec![grant(Role::Administrator, "*")]] {
        token.grants = grants;
        for action in Action::EACH {
            let expected = match action {
                Action::SetUp => Verdict::Allow,
                _ => Verdict::Forbid,
            };
            assert_eq!(
                judge(&token, action, Target::Everywhere),
                expected,
                "{action:?}"
            );
        }
    }
}

#[test]
fn a_key_does_what_its_scopes_name() {
    let owner = [grant(Role::Administrator, "*")];
    let starter = key(&owner, &[scope(only(&[Action::StartRuns]), "a")]);
    for (action, name, verdict) in [
        (Action::StartRuns, "a", Verdict::Allow),
        (Action::ReadRuns, "a", Verdict::Forbid),
        (Action::StartRuns, "b", Verdict::Hide),
    ] {
        assert_eq!(judge(&starter, action, Target::Namespace(name)), verdict);
    }
    let none = key(&owner, &[]);
    assert_eq!(
        judge(&none, Action::ReadRuns, Target::Namespace("a")),
        Verdict::Hide
    );
    // Two scopes do not add up to a third.
    let two = key(
        &owner,
        &[
            scope(only(&[Action::StartRuns]), "a"),
            scope(only(&[Action::ReadRuns]), "b"),
        ],
    );
    assert_eq!(
        judge(&two, Action::StartRuns, Target::Namespace("b")),
        Verdict::Forbid
    );
}

#[test]
fn a_key_hands_out_rights_only_where_that_is_named() {
    let owner = [grant(Role::Administrator, "*")];
    let broad = key(&owner, &[scope(Actions::UpTo(Role::Administrator), "*")]);
    let named = key(&owner, &[scope(only(&Action::EACH), "*")]);
    for action in [Action::ManageRoles, Action::ManageUsers, Action::ManageKeys] {
        assert_eq!(judge(&broad, action, Target::Everywhere), Verdict::Forbid);
        assert_eq!(judge(&named, action, Target::Everywhere), Verdict::Allow);
    }
    assert_eq!(
        judge(&broad, Action::ManageServer, Target::Everywhere),
        Verdict::Allow
    );
    for key in [broad, named] {
        assert_eq!(
            judge(&key, Action::OwnAccount, Target::Everywhere),
            Verdict::Forbid
        );
        assert_eq!(
            judge(&key, Action::SetUp, Target::Everywhere),
            Verdict::Forbid
        );
    }
}

#[test]
fn scopes_are_read_and_written() {
    for text in [
        r#"{"actions":{"up-to":"viewer"},"namespace":"*"}"#,
        r#"{"actions":{"only":["start-runs","send-events"]},"namespace":"a"}"#,
    ] {
        let scope: Scope = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), text);
    }
    for wrong in [
        r#"{"actions":{"only":["everything"]},"namespace":"*"}"#,
        r#"{"actions":{"up-to":"viewer"}}"#,
        r#"{"actions":{"up-to":"viewer"},"namespace":"*","role":"editor"}"#,
    ] {
        assert!(serde_json::from_str::<Scope>(wrong).is_err(), "{wrong}");
    }
}

fn namespaces() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["*", "a", "b"]).prop_map(str::to_owned)
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::EACH.to_vec())
}

fn action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::EACH.to_vec())
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    let one = (role(), namespaces()).prop_map(|(role, namespace)| grant(role, &namespace));
    prop::collection::vec(one, 0..4)
}

fn scopes() -> impl Strategy<Value = Vec<Scope>> {
    let actions = prop_oneof![
        role().prop_map(Actions::UpTo),
        prop::collection::btree_set(action(), 0..8).prop_map(Actions::Only),
    ];
    let one = (actions, namespaces()).prop_map(|(actions, namespace)| scope(actions, &namespace));
    prop::collection::vec(one, 0..4)
}

fn target() -> impl Strategy<Value = Target<'static>> {
    let named = prop::sample::select(NAMES.to_vec()).prop_map(Target::Namespace);
    prop_oneof![named, Just(Target::Everywhere)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_higher_role_may_all_that_a_lower_may(
        grants in grants(),
        which in any::<prop::sample::Index>(),
        higher in role(),
        action in action(),
        target in target(),
    ) {
        prop_assume!(!grants.is_empty());
        let mut raised = grants.clone();
        let raise = &mut raised[which.index(grants.len())];
        raise.role = raise.role.max(higher);
        if judge(&user(&grants), action, target) == Verdict::Allow {
            prop_assert_eq!(judge(&user(&raised), action, target), Verdict::Allow);
        }
    }

    #[test]
    fn another_grant_takes_nothing_away(
        grants in grants(),
        more in grants(),
        scopes in scopes(),
        action in action(),
        target in target(),
    ) {
        let both = [&grants[..], &more[..]].concat();
        for (fewer, all) in [
            (user(&grants), user(&both)),
            (key(&grants, &scopes), key(&both, &scopes)),
        ] {
            if judge(&fewer, action, target) == Verdict::Allow {
                prop_assert_eq!(judge(&all, action, target), Verdict::Allow);
            }
        }
    }

    #[test]
    fn a_key_never_does_more_than_its_owner(
        grants in grants(),
        scopes in scopes(),
        action in action(),
        target in target(),
    ) {
        let (owner, key) = (user(&grants), key(&grants, &scopes));
        if judge(&key, action, target) == Verdict::Allow {
            prop_assert_eq!(judge(&owner, action, target), Verdict::Allow);
        }
        // Nor does it learn of more.
        if judge(&owner, action, target) == Verdict::Hide {
            prop_assert_eq!(judge(&key, action, target), Verdict::Hide);
        }
    }

    #[test]
    fn what_was_not_granted_is_hidden(
        grants in grants(),
        scopes in scopes(),
        action in action(),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        prop_assume!(action.place() == Place::Namespace);
        let granted = |namespaces: &Namespaces| namespaces.cover(name);
        let hidden = !grants.iter().any(|grant| granted(&grant.namespace));
        let verdict = judge(&user(&grants), action, Target::Namespace(name));
        prop_assert_eq!(verdict == Verdict::Hide, hidden);
        let hidden = hidden || !scopes.iter().any(|scope| granted(&scope.namespace));
        let verdict = judge(&key(&grants, &scopes), action, Target::Namespace(name));
        prop_assert_eq!(verdict == Verdict::Hide, hidden);
    }

    #[test]
    fn everywhere_is_each_place(
        grants in grants(),
        scopes in scopes(),
        action in action(),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        for principal in [user(&grants), key(&grants, &scopes)] {
            if judge(&principal, action, Target::Everywhere) == Verdict::Allow {
                let here = judge(&principal, action, Target::Namespace(name));
                prop_assert_eq!(here, Verdict::Allow);
            }
        }
    }

    #[test]
    fn lists_have_what_may_be_looked_at_one_by_one(
        grants in grants(),
        scopes in scopes(),
        action in action(),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        prop_assume!(action.place() == Place::Namespace);
        for principal in [user(&grants), key(&grants, &scopes)] {
            let listed = match reach(Some(&principal), action, NOW_MS) {
                Reach::Everywhere => true,
                Reach::Only(names) => names.contains(name),
            };
            let allowed = judge(&principal, action, Target::Namespace(name)) == Verdict::Allow;
            prop_assert_eq!(listed, allowed);
        }
    }
}
