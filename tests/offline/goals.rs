//! The goals of all commands that write, each on an account in which it has something to do: what is explored of one is
//! explored of each.

use std::collections::BTreeMap;
use std::pin::Pin;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::Target;
use autoconnect::reconcile::{
    Cleanup, Connect, Detach, Draft, Ending, Failure, Goal, Internet, MskVia, Options, converge,
};
use autoconnect::removal::RemovalWish;
use serde_json::Value;

use crate::removals::disconnect;
use crate::scenarios::{Scenario, assert_safe, base, with_new_resources};
use crate::stale_reads::settle;
use crate::support::*;
use crate::{attach, fix, internet, msk};

type Run<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + 'a>>;

/// What a run is to reach.
pub trait Reach {
    fn run<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Ending>;

    /// The plan, with the parameters of its steps.
    fn plan<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Draft>;
}

fn recording() -> Options {
    Options {
        records: true,
        ..dry_run()
    }
}

async fn drafted<G: Goal>(cloud: &dyn Cloud, goal: &G, options: &Options) -> Result<Draft, Failure> {
    let converged = converge(cloud, goal, options, &Script::default(), Interrupt::never()).await;
    converged.map(|converged| converged.draft)
}

async fn ended<G: Goal>(cloud: &dyn Cloud, goal: &G, options: &Options) -> Result<Ending, Failure> {
    let converged = converge(cloud, goal, options, &Script::default(), Interrupt::never()).await;
    converged.map(|converged| converged.ending)
}

impl<G: Goal> Reach for G {
    fn run<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Ending> {
        Box::pin(async move { ended(cloud, self, &Options::default()).await })
    }

    fn plan<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Draft> {
        Box::pin(async move { drafted(cloud, self, &recording()).await })
    }
}

struct Setup(Target);

impl Reach for Setup {
    fn run<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Ending> {
        Box::pin(async move {
            let options = Options::default();
            let goal = Connect {
                target: &self.0,
                options: &options,
            };
            ended(cloud, &goal, &options).await
        })
    }

    fn plan<'a>(&'a self, cloud: &'a dyn Cloud) -> Run<'a, Draft> {
        Box::pin(async move {
            let options = recording();
            let goal = Connect {
                target: &self.0,
                options: &options,
            };
            drafted(cloud, &goal, &options).await
        })
    }
}

/// A goal on an account.
pub struct Aim {
    pub name: String,
    pub document: AccountDocument,
    pub goal: Box<dyn Reach>,
    /// Fails where a run has done harm: to this account, which it left like that.
    pub judge: fn(&AccountDocument, &AccountDocument, &str),
    /// Where a read is refused, it ends well and leaves what might be used (docs/removing.md), or what it cannot judge.
    pub leaves_what_it_may_not_read: bool,
}

impl Aim {
    pub fn setup(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            document: scenario.document.clone(),
            goal: Box::new(Setup(scenario.target.clone())),
            judge: assert_safe,
            leaves_what_it_may_not_read: false,
        }
    }

    fn of(name: &str, document: AccountDocument, goal: impl Reach + 'static) -> Self {
        Self {
            name: name.to_owned(),
            document,
            goal: Box::new(goal),
            judge: |_, _, _| (),
            leaves_what_it_may_not_read: ["remove", "cleanup", "diagnose"]
                .iter()
                .any(|command| name.starts_with(command)),
        }
    }

    /// How many there are of each thing once the goal is reached and nothing went wrong.
    pub async fn left(&self) -> BTreeMap<String, usize> {
        let account = in_memory(&self.document);
        let ending = self.goal.run(&account).await;
        let ending = ending.unwrap_or_else(|failure| panic!("{}: {failure}", self.name));
        assert_eq!(ending, Ending::Reached, "{}", self.name);
        account.edit(settle);
        amounts(&account.document())
    }

    /// Nothing is there twice or missing, and the next run has nothing to do.
    pub async fn assert_left(&self, account: &OfflineAccount, left: &BTreeMap<String, usize>, context: &str) {
        account.edit(settle);
        assert_eq!(&amounts(&account.document()), left, "{context}");
        let writes = account.calls().write;
        let again = self.goal.run(account).await;
        let again = again.unwrap_or_else(|failure| panic!("the next run fails: {failure}: {context}"));
        assert_eq!((again, account.calls().write), (Ending::Unchanged, writes), "{context}");
    }
}

/// How many of each list of the document there are, and of the lists in those.
fn amounts(document: &AccountDocument) -> BTreeMap<String, usize> {
    fn count(at: &str, value: &Value, amounts: &mut BTreeMap<String, usize>) {
        match value {
            Value::Array(entries) => {
                *amounts.entry(at.to_owned()).or_default() += entries.len();
                for entry in entries {
                    count(at, entry, amounts);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    count(&format!("{at}.{key}"), value, amounts);
                }
            }
            _ => {}
        }
    }
    let mut amounts = BTreeMap::new();
    count("", &serde_json::to_value(document).unwrap(), &mut amounts);
    amounts
}

/// Each command that writes.
pub async fn goals() -> Vec<Aim> {
    let mut goals = Vec::new();
    for scenario in base()
        .into_iter()
        .step_by(thoroughly([6, 1]))
        .map(Scenario::with_policies)
    {
        let name = &scenario.name;
        goals.push(Aim::setup(&scenario));
        let document = connected(&scenario.document, &scenario.target).await;
        let remove = disconnect(&scenario.target, RemovalWish::default());
        goals.push(Aim::of(&format!("remove: {name}"), document.clone(), remove));
        let mut deleted = document;
        deleted.functions.remove(0);
        goals.push(Aim::of(&format!("cleanup: {name}"), deleted, Cleanup));
    }
    let with_proxy = RemovalWish {
        with_proxy: true,
        ..RemovalWish::default()
    };
    let mut made = with_new_resources().into_iter().map(Scenario::with_policies);
    let made = made
        .find(|scenario| scenario.name.contains("Secret"))
        .expect("a proxy on a secret");
    let document = connected(&made.document, &made.target).await;
    goals.push(Aim::setup(&made));
    goals.push(Aim::of(
        "remove --with-proxy",
        document,
        disconnect(&made.target, with_proxy),
    ));

    let mut lacking = example();
    let role = lacking.functions[0].role.clone();
    for function in &mut lacking.functions {
        function.role.clone_from(&role);
    }
    for role in &mut lacking.roles {
        role.attached_policies.clear();
    }
    let mut newsletter = attach::attach("newsletter", &["subnet-0a1a", "subnet-0a1b"], &["sg-0f00"]);
    newsletter.grant = true;
    goals.push(Aim::of("attach --grant", lacking, newsletter));
    goals.push(Aim::of(
        "attach elsewhere",
        example(),
        attach::attach("checkout", &["subnet-0a1a"], &["sg-0d00"]),
    ));
    goals.push(Aim::of(
        "detach",
        example(),
        Detach {
            function: "checkout".to_owned(),
        },
    ));

    for scenario in internet::scenarios().into_iter().step_by(thoroughly([6, 1])) {
        let document = internet::account(&scenario.account).document();
        goals.push(Aim::of(
            &format!("internet setup: {}", scenario.name),
            document,
            Internet(scenario.wish),
        ));
    }
    for (cluster, via) in [
        ("audit", MskVia::Endpoints),
        ("audit", MskVia::Nat),
        ("payments", MskVia::Endpoints),
    ] {
        let document = account_of("msk.json", |_| ()).document();
        goals.push(Aim::of(
            &format!("msk setup: {cluster} {via:?}"),
            document,
            msk::goal(cluster, via, false),
        ));
    }
    goals.push(Aim::of(
        "diagnose --fix",
        network_account(fix::broken).document(),
        fix::goal(),
    ));
    goals
}
