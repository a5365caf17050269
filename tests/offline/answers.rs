//! An answer about something else than what was asked for ends a run: from then on nothing is written.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::*;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::*;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Goal, Internet, MskVia, Options, RunError, converge};
use autoconnect::removal::RemovalWish;

use crate::interposed::{Hook, Interposed};
use crate::removals::disconnect;
use crate::scenarios::{Scenario, base, with_new_resources};
use crate::support::{Script, run};
use crate::{attach, fix, internet, msk};

/// What of an answer is about something else.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// Its identifier and its ARN, as in an answer about another resource.
    All,
    /// Its ARN alone.
    Arn,
}

/// Answers about something else from the n-th call of an operation on.
struct Mistaken<'a> {
    operation: Operation,
    from: u32,
    wrong: Wrong,
    tally: &'a Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    used: BTreeSet<Operation>,
    calls: u32,
    mistakes: u32,
    written_after: Vec<Operation>,
}

const ARN: &str = "arn:aws:rds:eu-central-1:123456789012:cluster:payroll";

/// Makes an answer one about something else, where it names anything.
fn mistake(answer: &mut dyn Any, wrong: Wrong) -> bool {
    fn one<T: Any>(answer: &mut dyn Any, change: impl Fn(&mut T)) -> bool {
        answer.downcast_mut::<T>().is_some_and(|found| {
            change(found);
            true
        })
    }
    fn each<T: Any>(answer: &mut dyn Any, change: impl Fn(&mut T)) -> bool {
        answer.downcast_mut::<Vec<T>>().is_some_and(|found| {
            found.iter_mut().for_each(change);
            !found.is_empty()
        })
    }
    /// Each on a page of those that were asked for by what they are.
    fn listed<T: Any>(answer: &mut dyn Any, change: impl Fn(&mut T)) -> bool {
        answer
            .downcast_mut::<Page<T>>()
            .is_some_and(|page| each(&mut page.items, change))
    }
    /// The ARNs of a cluster's members are not looked at.
    fn arn_of_one_alone(answer: &mut dyn Any) -> bool {
        let page = answer.downcast_mut::<Page<DbInstance>>();
        let mut all = page.into_iter().flat_map(|page| &mut page.items);
        let alone = all.find(|instance| instance.cluster.is_none());
        alone.is_some_and(|instance| {
            instance.arn = ARN.into();
            true
        })
    }
    let of_arn = listed(answer, |found: &mut DbCluster| found.arn = ARN.into())
        || arn_of_one_alone(answer)
        || one(answer, |found: &mut Function| found.arn = ARN.into())
        || one(answer, |found: &mut SecretDescription| found.arn = ARN.into())
        || one(answer, |found: &mut KeyDescription| found.arn = ARN.into())
        || one(answer, |found: &mut RoleDescription| found.arn = ARN.into())
        || one(answer, |found: &mut MskCluster| found.arn = ARN.into());
    if wrong == Wrong::Arn {
        return of_arn;
    }
    listed(answer, |found: &mut DbCluster| found.id = "payroll".into())
        || listed(answer, |found: &mut DbInstance| {
            (found.id, found.cluster) = ("payroll".into(), Some("payroll".into()));
        })
        || one(answer, |found: &mut Function| found.name = "payroll".into())
        || one(answer, |found: &mut SecretDescription| found.name = "payroll".into())
        || listed(answer, |found: &mut DbProxy| {
            if let DbProxy::Known(proxy) = found {
                proxy.name = "payroll".into();
            }
        })
        || listed(answer, |found: &mut DbSubnetGroup| found.name = "payroll".into())
        || one(answer, |found: &mut EventSourceMapping| found.uuid = "payroll".into())
        || listed(answer, |found: &mut DescribedSubnet| {
            (found.subnet.id, found.subnet.vpc) = ("subnet-payroll".into(), other());
        })
        || listed(answer, |found: &mut EventSourceMapping| found.source = Some(ARN.into()))
        || listed(answer, |found: &mut SecurityGroup| {
            (found.id, found.vpc) = ("sg-payroll".into(), "vpc-payroll".into());
            found.ingress.clear();
            found.egress.clear();
        })
        || each(answer, |found: &mut DescribedInterface| {
            found.interface.id = "eni-payroll".into();
            found.groups.clear();
        })
        || each(answer, |found: &mut network::Vpc| found.id = "vpc-payroll".into())
        || each(answer, |found: &mut network::RouteTable| found.vpc = other())
        || each(answer, |found: &mut network::NetworkAcl| found.vpc = other())
        || each(answer, |found: &mut network::Peering| {
            (found.requester.vpc, found.accepter.vpc) = (other(), other());
        })
        || each(answer, |found: &mut network::InternetGateway| {
            (found.vpc, found.tags) = (Some(other()), Tags::new());
        })
        || each(answer, |found: &mut network::EgressOnlyGateway| {
            found.vpc = Some(other());
        })
        || each(answer, |found: &mut network::NatGateway| found.vpc = other())
        || each(answer, |found: &mut network::Endpoint| found.vpc = other())
        || each(answer, |found: &mut network::Address| found.tags = Tags::new())
        || of_arn
}

fn other() -> VpcId {
    "vpc-payroll".into()
}

impl Hook for Mistaken<'_> {
    async fn around<T: Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let is_wrong = {
            let mut tally = self.tally.lock().unwrap();
            tally.used.insert(operation);
            if operation.writes() && tally.mistakes > 0 {
                tally.written_after.push(operation);
            }
            let is_it = operation == self.operation;
            tally.calls += u32::from(is_it);
            is_it && tally.calls > self.from
        };
        let mut answer = call.await;
        if is_wrong
            && let Ok(found) = &mut answer
            && mistake(found, self.wrong)
        {
            self.tally.lock().unwrap().mistakes += 1;
        }
        answer
    }
}

/// Something to be run on an account that answers about something else.
trait Case {
    fn name(&self) -> String;
    fn account(&self) -> OfflineAccount;
    async fn run(&self, cloud: &Interposed<'_, Mistaken<'_>>) -> Result<(), RunError>;
}

impl Case for Scenario {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn account(&self) -> OfflineAccount {
        OfflineAccount::in_memory(self.document.clone()).unwrap()
    }

    async fn run(&self, cloud: &Interposed<'_, Mistaken<'_>>) -> Result<(), RunError> {
        let ended = run(
            cloud,
            &self.target,
            &Options::default(),
            &Script::default(),
            Interrupt::never(),
        )
        .await;
        ended.map(drop).map_err(|failure| failure.error)
    }
}

/// A goal on an account that is created again for each run.
struct Of<G, A>(&'static str, A, G);

impl<G: Goal, A: Fn() -> OfflineAccount> Case for Of<G, A> {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn account(&self) -> OfflineAccount {
        (self.1)()
    }

    async fn run(&self, cloud: &Interposed<'_, Mistaken<'_>>) -> Result<(), RunError> {
        let ended = converge(
            cloud,
            &self.2,
            &Options::default(),
            &Script::default(),
            Interrupt::never(),
        )
        .await;
        ended.map(drop).map_err(|failure| failure.error)
    }
}

/// Each operation of the case answers about something else from each of its calls on. Whatever was asked for, the run
/// ends, and writes nothing from then on. `unread` are the codes of what may be left unread, and is refused then.
async fn ends_at_each_mistake(case: &impl Case, unread: &[&str]) -> BTreeSet<Operation> {
    let attempt = async |operation, from, wrong| {
        let account = case.account();
        let tally = Mutex::default();
        let hook = Mistaken {
            operation,
            from,
            wrong,
            tally: &tally,
        };
        let cloud = Interposed {
            account: &account,
            hook,
        };
        let ended = Box::pin(case.run(&cloud)).await;
        (ended, tally.into_inner().unwrap(), account.calls().write)
    };
    let (ended, tally, _) = attempt(Operation::Publish, 0, Wrong::All).await;
    ended.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    let mut mistaken = BTreeSet::new();
    for operation in tally.used.into_iter().filter(|operation| !operation.writes()) {
        for wrong in [Wrong::All, Wrong::Arn] {
            for from in 0.. {
                let (ended, tally, _) = attempt(operation, from, wrong).await;
                if tally.calls <= from {
                    break;
                }
                if tally.mistakes == 0 {
                    continue;
                }
                mistaken.insert(operation);
                let context = format!("{}: {operation} from call {from}, {wrong:?}", case.name());
                assert_eq!(tally.written_after, [], "{context}");
                let error = ended.expect_err(&context);
                let is_told = error.code() == "unexpected-answer" && error.to_string().contains("payroll");
                let is_nothing = error.to_string().contains("nothing") || error.to_string().contains('=');
                assert!(
                    is_told || is_nothing || unread.contains(&error.code()),
                    "{context}: {error} ({})",
                    error.code()
                );
            }
        }
    }
    mistaken
}

#[tokio::test(start_paused = true)]
async fn setup_ends() {
    let mut mistaken = BTreeSet::new();
    for scenario in base().into_iter().chain(with_new_resources()) {
        mistaken.extend(ends_at_each_mistake(&scenario, &[]).await);
    }
    for operation in [
        Operation::DescribeDbClusters,
        Operation::DescribeDbInstances,
        Operation::DescribeDbProxies,
        Operation::DescribeDbSubnetGroups,
        Operation::GetFunctionConfiguration,
        Operation::DescribeSecurityGroups,
        Operation::DescribeSubnets,
        Operation::DescribeSecret,
        Operation::DescribeKey,
        Operation::GetRole,
    ] {
        assert!(mistaken.contains(&operation), "{operation}");
    }
}

/// Targets name no proxy: those of another proxy are for another database, which is refused too.
#[tokio::test(start_paused = true)]
async fn targets_of_another_proxy_are_refused() {
    struct OtherTargets(AtomicU32);
    impl Hook for OtherTargets {
        async fn around<T: Debug + Send + 'static>(
            &self,
            _: Operation,
            call: impl Future<Output = Answer<T>> + Send,
        ) -> Answer<T> {
            let mut answer = call.await;
            if let Ok(found) = &mut answer
                && let Some(targets) = (found as &mut dyn Any).downcast_mut::<Vec<ProxyTarget>>()
            {
                self.0.fetch_add(1, Ordering::Relaxed);
                for target in targets {
                    target.resource = "payroll".into();
                    target.tracked_cluster = target.tracked_cluster.as_ref().map(|_| "payroll".into());
                }
            }
            answer
        }
    }
    let account = crate::support::account(|_| ());
    let cloud = Interposed {
        account: &account,
        hook: OtherTargets(AtomicU32::new(0)),
    };
    let target = Target {
        proxy: autoconnect::observe::ProxyWish::Existing("orders-proxy".into()),
        ..crate::support::cluster("orders", "refunds")
    };
    let failure = crate::support::setup(&cloud, &target).await.unwrap_err();
    assert_eq!(failure.error.code(), "proxy-other-target", "{failure}");
    assert!(cloud.hook.0.into_inner() > 0);
    assert_eq!(account.calls().write, 0);
}

#[tokio::test(start_paused = true)]
async fn remove_ends() {
    for scenario in base() {
        let account = scenario.account();
        crate::support::setup(&account, &scenario.target).await.unwrap();
        let connected = account.document();
        let again = || OfflineAccount::in_memory(connected.clone()).unwrap();
        let goal = disconnect(&scenario.target, RemovalWish::default());
        let mistaken = ends_at_each_mistake(&Of("remove", again, goal), &[]).await;
        assert!(
            mistaken.contains(&Operation::GetFunctionConfiguration),
            "{}",
            scenario.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attach_and_detach_end() {
    let account = || crate::support::account(|_| ());
    let goal = attach::attach("newsletter", &["subnet-0a1a", "subnet-0a1b"], &["sg-0f00"]);
    ends_at_each_mistake(&Of("attach", account, goal), &["network-unreadable"]).await;
    let goal = autoconnect::reconcile::Detach {
        function: "checkout".to_owned(),
    };
    let mistaken = ends_at_each_mistake(&Of("detach", account, goal), &[]).await;
    assert!(mistaken.contains(&Operation::GetFunctionConfiguration));
}

#[tokio::test(start_paused = true)]
async fn what_builds_and_fixes_networks_ends() {
    let mut mistaken = BTreeSet::new();
    for scenario in internet::scenarios() {
        let account = || internet::account(&scenario.account);
        let goal = Internet(scenario.wish);
        mistaken.extend(ends_at_each_mistake(&Of(scenario.name, account, goal), &["network-unreadable"]).await);
    }
    let account = || crate::support::account_of("msk.json", |_| ());
    let goal = msk::goal("audit", MskVia::Endpoints, true);
    mistaken.extend(ends_at_each_mistake(&Of("msk setup", account, goal), &["msk-network-unread"]).await);
    let account = || crate::support::network_account(fix::broken);
    mistaken.extend(ends_at_each_mistake(&Of("diagnose --fix", account, fix::goal()), &["network-unreadable"]).await);
    for operation in [
        Operation::DescribeVpcs,
        Operation::DescribeRouteTables,
        Operation::DescribeNatGateways,
        Operation::DescribeInternetGateways,
        Operation::DescribeVpcEndpoints,
        Operation::DescribeClusterV2,
        Operation::ListEventSourceMappings,
        Operation::DescribeVpcPeeringConnections,
    ] {
        assert!(mistaken.contains(&operation), "{operation}");
    }
}
