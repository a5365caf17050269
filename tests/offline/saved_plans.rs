//! Saved plans: what was applied in part, at every death of every goal, and what is another plan.

use autoconnect::account::OfflineAccount;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::Origin;
use autoconnect::reconcile::{Asked, Draft, Front, Options, Progress, RunError};
use autoconnect::report::{AccountKind, SavedPlan};
use secrecy::SecretString;

use crate::crashes::{Crash, Left, each_death};
use crate::goals::{Aim, goals};
use crate::interposed::Interposed;
use crate::persons::takes_the_name;
use crate::scenarios::base;
use crate::stale_reads::settle;
use crate::support::{Script, in_memory, in_virtual_time, run};

fn saved(draft: &Draft) -> SavedPlan {
    SavedPlan::new(draft, &Origin::default(), AccountKind::AccountFile, Vec::new())
}

/// What a run has done before it died is no difference: what is left to do is a part of the saved plan.
async fn assert_resumes(aim: &Aim) -> u32 {
    let planned = aim.goal.plan(&in_memory(&aim.document)).await;
    let plan = saved(&planned.unwrap_or_else(|failure| panic!("{}: {failure}", aim.name)));
    let dying = async |cloud: &Interposed<'_, Crash<'_>>| aim.goal.run(cloud).await;
    let resumes = async |left: Left| {
        left.account.edit(settle);
        let context = format!("{}, {}", aim.name, left.context);
        let now = match aim.goal.plan(&left.account).await {
            Ok(now) => now,
            // The last write of a removal can take away what its names lead to.
            Err(failure) if aim.name.starts_with("remove") => {
                return assert!(failure.to_string().contains("there is no"), "{context}: {failure}");
            }
            Err(failure) => panic!("{context}: {failure}"),
        };
        if !now.is_reached() {
            let checked = plan.check(&now);
            checked.unwrap_or_else(|error| panic!("{context}: {error}"));
        }
    };
    each_death(&aim.document, dying, resumes).await
}

#[test]
fn a_plan_that_was_applied_in_part_can_be_applied_again() {
    let mut deaths = 0;
    in_virtual_time(async {
        for aim in goals().await {
            deaths += Box::pin(assert_resumes(&aim)).await;
        }
    });
    assert!(deaths > 500, "{deaths}");
}

/// The plan of one goal is not that of another one.
#[test]
fn a_plan_fits_its_own_goal_only() {
    in_virtual_time(async {
        let aims = goals().await;
        let mut drafts = Vec::new();
        for aim in &aims {
            drafts.push(aim.goal.plan(&in_memory(&aim.document)).await.unwrap());
        }
        for (at, draft) in drafts.iter().enumerate() {
            let plan = saved(draft);
            assert_eq!(plan.check(draft), Ok(()), "{}", aims[at].name);
            for (other, drafted) in drafts.iter().enumerate().filter(|(other, _)| *other != at) {
                let is_same = draft.recorded == drafted.recorded;
                assert!(
                    is_same || plan.check(drafted).is_err(),
                    "{}, {}",
                    aims[at].name,
                    aims[other].name
                );
            }
        }
    });
}

/// A person takes the name of a group between consent and creation.
struct Taken<'a> {
    account: &'a OfflineAccount,
    asked: Script,
}

#[async_trait::async_trait]
impl Front for Taken<'_> {
    async fn consent(&self, asked: Asked<'_>) -> Result<(), RunError> {
        self.account.edit(takes_the_name);
        self.asked.consent(asked).await
    }

    async fn password(&self, user: &str) -> Result<SecretString, RunError> {
        self.asked.password(user).await
    }

    fn progress(&self, progress: Progress<'_>) {
        self.asked.progress(progress);
    }
}

/// Who agreed to a saved plan did not agree to groups with another number: the front is asked again, and refuses it.
#[test]
fn groups_with_another_number_are_another_plan() {
    in_virtual_time(async {
        for (exactly, asked) in [(false, 1), (true, 2)] {
            let scenario = base().remove(0);
            let account = in_memory(&scenario.document);
            let front = Taken {
                account: &account,
                asked: Script::default(),
            };
            let options = Options {
                records: true,
                exactly,
                ..Options::default()
            };
            let ended = run(&account, &scenario.target, &options, &front, Interrupt::never()).await;
            assert!(ended.is_ok(), "{:?}", ended.err());
            let drafts = front.asked.drafts.into_inner().unwrap();
            assert_eq!(drafts.len(), asked, "{exactly}");
            if let [first, second] = drafts.as_slice() {
                assert!(saved(first).check(second).is_err());
            }
        }
    });
}
