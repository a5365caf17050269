//! Whose credentials a run uses, over real HTTP: each source signs its requests with a key of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Run, World, finish, program};

/// A home folder with the files of the AWS configuration, and a Region of the peer.
struct Home {
    world: World,
    folder: TempDir,
}

/// Profiles, each with a key that is its name.
const CREDENTIALS: &str = "
[default]
aws_access_key_id = OFDEFAULT
aws_secret_access_key = test

[prod]
aws_access_key_id = OFPROD
aws_secret_access_key = test

[staging]
aws_access_key_id = OFSTAGING
aws_secret_access_key = test
";

/// A variable of the environment.
type Variable = (&'static str, &'static str);

const KEYS: [Variable; 2] = [
    ("AWS_ACCESS_KEY_ID", "OFENVIRONMENT"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];

impl Home {
    async fn new(config: &str) -> Self {
        let home = Self {
            world: World::new().await,
            folder: tempfile::tempdir().unwrap(),
        };
        home.write(".aws/credentials", CREDENTIALS);
        home.write(".aws/config", config);
        home
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env("COLUMNS", "1000")
            // What a process of credentials is found by.
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.world.peer.url)
            .env("AWS_REGION", self.world.region)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied());
        command
    }

    /// Looks for drift, and returns which keys signed the requests to EC2, RDS and Lambda.
    fn look(&self, arguments: &str, variables: &[(&str, &str)]) -> (Run, BTreeSet<String>) {
        let mark = self.world.mark();
        let mut command = self.command(variables);
        command
            .args(["drift", "--output", "json"])
            .args(arguments.split_whitespace());
        let run = finish(&mut command);
        let signers = self.world.peer.signers(self.world.region).split_off(mark);
        let signers = signers.into_iter().filter(|(service, _)| service != "sts");
        (run, signers.map(|(_, key)| key).collect())
    }

    /// The one key that signed the requests of a look that has succeeded.
    fn signer(&self, arguments: &str, variables: &[(&str, &str)]) -> (String, String) {
        let (run, signers) = self.look(arguments, variables);
        assert_eq!(
            (run.status, signers.len()),
            (0, 1),
            "{arguments} {variables:?}: {signers:?} {run:?}"
        );
        let account = run.json()["account"].as_str().unwrap_or("unknown").to_owned();
        (signers.into_iter().next().unwrap(), account)
    }
}

/// A server that answers every request with what `answer` makes of its text. Its URL.
fn server(answer: impl Fn(&str) -> (&'static str, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (status, body) = answer(&request(&mut stream));
            let length = body.len();
            // The header is what a token of an instance's metadata comes with.
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    url
}

/// A request, with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let mut part = vec![0; 65536];
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return text,
            Ok(read) => request.extend_from_slice(&part[..read]),
        }
    }
}

#[tokio::test]
async fn the_profile_that_was_named_for_the_run_wins_then_keys_then_the_environments_profile() {
    let home = Home::new("").await;
    let table: [(&str, &[Variable], &str); 12] = [
        ("", &[], "OFDEFAULT"),
        ("", &KEYS, "OFENVIRONMENT"),
        ("--profile prod", &[], "OFPROD"),
        ("--profile prod", &KEYS, "OFPROD"),
        ("--profile default", &KEYS, "OFDEFAULT"),
        ("", &[("AWS_PROFILE", "prod")], "OFPROD"),
        ("", &[("AWS_PROFILE", "prod"), KEYS[0], KEYS[1]], "OFENVIRONMENT"),
        (
            "--profile staging",
            &[("AWS_PROFILE", "prod"), KEYS[0], KEYS[1]],
            "OFSTAGING",
        ),
        ("", &[("AWS_DEFAULT_PROFILE", "prod")], "OFPROD"),
        (
            "",
            &[("AWS_PROFILE", "staging"), ("AWS_DEFAULT_PROFILE", "prod")],
            "OFSTAGING",
        ),
        ("", &[("AWS_PROFILE", "")], "OFDEFAULT"),
        ("--profile prod", &[KEYS[0]], "OFPROD"),
    ];
    for (arguments, variables, key) in table {
        assert_eq!(home.signer(arguments, variables).0, key, "{arguments} {variables:?}");
    }
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let home = Home::new("[profile audit]\nregion = eu-west-1\n").await;
    home.write(
        "manifest.toml",
        "[[connection]]\ncluster = \"a\"\nfunction = \"f\"\n\n[[connection]]\ncluster = \"b\"\nfunction = \"f\"\nprofile = \"nope\"\n",
    );
    let manifest = format!("--manifest {} --allow-unknown", home.path("manifest.toml"));
    let table: [(&str, &[Variable], Option<&str>); 8] = [
        ("--profile nope", &[], None),
        ("--profile nope", &KEYS, None),
        ("--profile prdo", &KEYS, Some("did you mean prod?")),
        ("--profile Prod", &[], Some("did you mean prod?")),
        ("", &[("AWS_PROFILE", "nope")], None),
        ("", &[("AWS_PROFILE", "nope"), KEYS[0], KEYS[1]], None),
        (
            "",
            &[("AWS_DEFAULT_PROFILE", "stagin"), KEYS[0], KEYS[1]],
            Some("did you mean staging?"),
        ),
        (&manifest, &KEYS, None),
    ];
    for (arguments, variables, hint) in table {
        let (run, signers) = home.look(arguments, variables);
        assert_eq!(
            (run.status, run.error_code().as_str()),
            (1, "unknown-profile"),
            "{arguments}: {run:?}"
        );
        assert_eq!(signers, BTreeSet::new(), "{arguments} {variables:?}");
        let error = &run.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("audit, default, prod, staging"), "{message}");
        if let Some(hint) = hint {
            assert_eq!(error["hint"], hint, "{arguments} {variables:?}");
        }
    }
}

#[tokio::test]
async fn files_elsewhere_are_read_and_broken_ones_are_reported() {
    let home = Home::new("").await;
    home.write("elsewhere/config", "[profile other]\ncredential_source = Environment\nrole_arn = arn:aws:iam::210987654321:role/r\n[profile plain]\nregion = eu-west-1\n");
    home.write(
        "elsewhere/credentials",
        "[plain]\naws_access_key_id = OFPLAIN\naws_secret_access_key = test\n",
    );
    let (config, credentials) = (home.path("elsewhere/config"), home.path("elsewhere/credentials"));
    let files = [
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
    ];
    assert_eq!(home.signer("--profile plain", &files).0, "OFPLAIN");
    let (run, _) = home.look("--profile prod", &files);
    assert_eq!(run.error_code(), "unknown-profile", "{run:?}");
    assert!(
        run.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("other, plain"),
        "{run:?}"
    );
    // Keys of the environment, where the profile says so.
    let with_keys = [files[0], files[1], KEYS[0], KEYS[1]];
    assert_eq!(home.signer("--profile other", &with_keys).1, "210987654321");
    home.write("broken", "region = eu-west-1\n[profile");
    let (run, signers) = home.look("--profile prod", &[("AWS_CONFIG_FILE", &home.path("broken"))]);
    assert_eq!(
        (run.error_code().as_str(), signers.len()),
        ("profile-files", 0),
        "{run:?}"
    );
}

#[tokio::test]
async fn roles_processes_and_web_identities_are_assumed() {
    let home = Home::new("").await;
    let token = home.path("token");
    home.write("token", "a token of an identity provider");
    home.write(
        ".aws/config",
        &format!(
            r#"
[profile process]
credential_process = echo '{{"Version": 1, "AccessKeyId": "OFPROCESS", "SecretAccessKey": "test"}}'

[profile role]
role_arn = arn:aws:iam::210987654321:role/deploy
source_profile = prod

[profile chained]
role_arn = arn:aws:iam::345678901234:role/deploy
source_profile = role

[profile web]
role_arn = arn:aws:iam::456789012345:role/ci
web_identity_token_file = {token}
"#
        ),
    );
    assert_eq!(home.signer("--profile process", &KEYS).0, "OFPROCESS");
    for (profile, account) in [
        ("role", "210987654321"),
        ("chained", "345678901234"),
        ("web", "456789012345"),
    ] {
        let (_, of_option) = home.signer(&format!("--profile {profile}"), &KEYS);
        let (_, of_variable) = home.signer("", &[("AWS_PROFILE", profile)]);
        assert_eq!(
            (of_option.as_str(), of_variable.as_str()),
            (account, account),
            "{profile}"
        );
    }
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::567890123456:role/ci"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    assert_eq!(home.signer("", &web).1, "567890123456");
    // In a manifest, a profile's credentials assume the role of the entry.
    let role = "arn:aws:iam::210987654321:role/drift";
    home.write(
        "manifest.toml",
        &format!(
            "[[connection]]\ncluster = \"a\"\nfunction = \"f\"\nprofile = \"prod\"\n\n[[connection]]\ncluster = \"b\"\nfunction = \"f\"\nprofile = \"staging\"\nrole_arn = \"{role}\"\n"
        ),
    );
    let mark = home.world.mark();
    let (run, _) = home.look(&format!("--manifest {}", home.path("manifest.toml")), &KEYS);
    let accounts: Vec<_> = run.json()["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["account"].clone())
        .collect();
    assert_eq!(accounts, [json!("123456789012"), json!("210987654321")], "{run:?}");
    let signers = home.world.peer.signers(home.world.region).split_off(mark);
    let of = |wanted: &str| {
        signers
            .iter()
            .filter(|(service, _)| service == wanted)
            .map(|(_, key)| key.as_str())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(of("sts"), BTreeSet::from(["OFSTAGING"]));
    assert!(
        of("ec2").contains("OFPROD") && !of("ec2").contains("OFENVIRONMENT"),
        "{signers:?}"
    );
}

#[tokio::test]
async fn containers_give_credentials_to_those_who_show_the_token() {
    let home = Home::new("").await;
    let url = server(|request| {
        let is_right =
            request.starts_with("GET /role ") && request.to_lowercase().contains("authorization: basic abc\r\n");
        let body = json!({
            "AccessKeyId": "OFCONTAINER", "SecretAccessKey": "test", "Token": "t", "Expiration": "2099-01-01T00:00:00Z",
        });
        if is_right {
            ("200 OK", body.to_string())
        } else {
            ("403 Forbidden", "{}".to_owned())
        }
    });
    let uri = format!("{url}/role");
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    assert_eq!(home.signer("", &container).0, "OFCONTAINER");
    // The role of a profile is assumed with the container's, or with the instance's.
    home.write(
        ".aws/config",
        "[profile task]\nrole_arn = arn:aws:iam::210987654321:role/r\ncredential_source = EcsContainer\n\n[profile instance]\nrole_arn = arn:aws:iam::345678901234:role/r\ncredential_source = Ec2InstanceMetadata\n",
    );
    assert_eq!(home.signer("--profile task", &container).1, "210987654321");
    let metadata = server(|request| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let body = match path.trim_end_matches('/') {
            "/latest/api/token" => "token".to_owned(),
            "/latest/meta-data/iam/security-credentials" => "of-the-instance".to_owned(),
            "/latest/meta-data/iam/security-credentials/of-the-instance" => json!({
                "Code": "Success", "AccessKeyId": "OFINSTANCE", "SecretAccessKey": "test", "Token": "t",
                "Expiration": "2099-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC",
            })
            .to_string(),
            _ => return ("404 Not Found", String::new()),
        };
        ("200 OK", body)
    });
    let instance = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    assert_eq!(home.signer("", &instance).0, "OFINSTANCE");
    assert_eq!(home.signer("--profile instance", &instance).1, "345678901234");
    // A profile that only has settings leaves the credentials to the container; keys in the environment do not count.
    home.write(".aws/config", "[profile settings]\noutput = json\n");
    let with_keys = [container[0], container[1], container[2], KEYS[0], KEYS[1]];
    assert_eq!(home.signer("--profile settings", &with_keys).0, "OFCONTAINER");
    let (run, _) = home.look(
        "",
        &[
            container[0],
            container[2],
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong"),
        ],
    );
    assert_eq!(run.error_code(), "no-credentials", "{run:?}");
}

/// The portal of IAM Identity Center on a local endpoint, with the token that `aws sso login` would have cached.
#[tokio::test]
async fn sessions_of_single_sign_on_are_used_until_they_end() {
    // SHA-1 of the start URL, and of the session's name.
    const OF_URL: &str = ".aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json";
    const OF_SESSION: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    let home = Home::new(
        "
[profile legacy]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 210987654321
sso_role_name = reader

[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1

[profile session]
sso_session = corp
sso_account_id = 210987654321
sso_role_name = writer
",
    )
    .await;
    let url = server(|request| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let key = match (
            path.starts_with("/federation/credentials?"),
            path.contains("account_id=210987654321"),
        ) {
            (true, true) if path.contains("role_name=reader") => "OFREADER",
            (true, true) if path.contains("role_name=writer") => "OFWRITER",
            _ => return ("404 Not Found", "{}".to_owned()),
        };
        if !request
            .to_lowercase()
            .contains("x-amz-sso_bearer_token: of-the-login\r\n")
        {
            return ("401 Unauthorized", "{}".to_owned());
        }
        let credentials = json!({
            "accessKeyId": key, "secretAccessKey": "test", "sessionToken": "t", "expiration": 4_070_908_800_000_u64,
        });
        ("200 OK", json!({ "roleCredentials": credentials }).to_string())
    });
    let portal = [("AWS_ENDPOINT_URL_SSO", url.as_str()), KEYS[0], KEYS[1]];
    let login = |token: &str, expires: &str| {
        let cached = json!({
            "accessToken": token, "expiresAt": expires, "region": "eu-central-1",
            "startUrl": "https://example.awsapps.com/start",
        });
        home.write(OF_URL, &cached.to_string());
        home.write(OF_SESSION, &cached.to_string());
    };
    login("of-the-login", "2099-01-01T00:00:00Z");
    assert_eq!(home.signer("--profile legacy", &portal).0, "OFREADER");
    assert_eq!(home.signer("--profile session", &portal).0, "OFWRITER");
    // The portal refuses a session that has ended, if the program does not.
    login("ended", "2020-01-01T00:00:00Z");
    for profile in ["legacy", "session"] {
        let (run, signers) = home.look(&format!("--profile {profile}"), &portal);
        assert_eq!((run.status, signers.len()), (1, 0), "{run:?}");
        assert!(
            ["expired-credentials", "no-credentials"].contains(&run.error_code().as_str()),
            "{run:?}"
        );
        assert!(run.stderr.contains("aws sso login"), "{run:?}");
    }
}

/// A session whose access token has expired is refreshed by OIDC's `CreateToken`, as long as its refresh token is valid.
#[tokio::test]
async fn sessions_of_single_sign_on_are_refreshed() {
    const OF_SESSION: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    let home = Home::new(
        "
[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1

[profile session]
sso_session = corp
sso_account_id = 210987654321
sso_role_name = writer
",
    )
    .await;
    let portal = server(|request| {
        if !request
            .to_lowercase()
            .contains("x-amz-sso_bearer_token: of-the-refresh\r\n")
        {
            return ("401 Unauthorized", "{}".to_owned());
        }
        let credentials = json!({
            "accessKeyId": "OFREFRESHED", "secretAccessKey": "test", "sessionToken": "t", "expiration": 4_070_908_800_000_u64,
        });
        ("200 OK", json!({ "roleCredentials": credentials }).to_string())
    });
    let oidc = server(|request| {
        let sent: Value =
            serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap_or_default()).unwrap_or_default();
        let is_right = request.starts_with("POST /token ")
            && sent["grantType"] == "refresh_token"
            && sent["refreshToken"] == "valid"
            && sent["clientId"] == "client";
        if is_right {
            let token = json!({
                "accessToken": "of-the-refresh", "expiresIn": 3600, "refreshToken": "next", "tokenType": "Bearer",
            });
            ("200 OK", token.to_string())
        } else {
            let refused = json!({"error": "invalid_grant", "error_description": "Invalid refresh token provided"});
            ("400 Bad Request", refused.to_string())
        }
    });
    let endpoints = [
        ("AWS_ENDPOINT_URL_SSO", portal.as_str()),
        ("AWS_ENDPOINT_URL_SSO_OIDC", oidc.as_str()),
    ];
    let login = |refresh: &str| {
        let cached = json!({
            "accessToken": "ended", "expiresAt": "2020-01-01T00:00:00Z", "region": "eu-central-1",
            "startUrl": "https://example.awsapps.com/start", "clientId": "client", "clientSecret": "secret",
            "registrationExpiresAt": "2099-01-01T00:00:00Z", "refreshToken": refresh,
        });
        home.write(OF_SESSION, &cached.to_string());
    };
    login("valid");
    assert_eq!(home.signer("--profile session", &endpoints).0, "OFREFRESHED");
    let kept: Value = serde_json::from_str(&fs::read_to_string(home.path(OF_SESSION)).unwrap()).unwrap();
    assert_eq!(
        (&kept["accessToken"], &kept["refreshToken"]),
        (&json!("of-the-refresh"), &json!("next"))
    );
    // The refresh token has ended too.
    login("revoked");
    let (run, signers) = home.look("--profile session", &endpoints);
    assert_eq!((run.status, signers.len()), (1, 0), "{run:?}");
    assert!(run.stderr.contains("aws sso login"), "{run:?}");
}

/// Sessions of `aws login`, with the token that it caches, and refreshed by Sign-In's `CreateOAuth2Token`.
#[tokio::test]
async fn sessions_of_aws_login_are_used_and_refreshed() {
    // SHA-256 of the session's ARN.
    const CACHED: &str = ".aws/login/cache/781f925ad77e259f0f5871f724d73657740662fa7f7abff655d698276e014965.json";
    // The key of the SDK's own example.
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49\nAwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t\ndjiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==\n-----END EC PRIVATE KEY-----\n";
    let home = Home::new("[profile login]\nlogin_session = arn:aws:iam::210987654321:user/deploy\n").await;
    let signin = server(|request| {
        let sent: Value =
            serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap_or_default()).unwrap_or_default();
        let is_right = request.starts_with("POST /v1/token ")
            && request.to_lowercase().contains("\r\ndpop: ")
            && sent["grantType"] == "refresh_token"
            && sent["refreshToken"] == "valid";
        if is_right {
            let token = json!({
                "accessToken": {"accessKeyId": "OFREFRESHED", "secretAccessKey": "test", "sessionToken": "t"},
                "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "next",
            });
            ("200 OK", token.to_string())
        } else {
            (
                "401 Unauthorized",
                json!({"error": "TOKEN_EXPIRED", "message": "ended"}).to_string(),
            )
        }
    });
    let endpoint = [("AWS_ENDPOINT_URL_SIGNIN", signin.as_str()), KEYS[0], KEYS[1]];
    let login = |expires: &str, refresh: &str| {
        let cached = json!({
            "accessToken": {
                "accessKeyId": "OFLOGIN", "secretAccessKey": "test", "sessionToken": "t", "accountId": "210987654321",
                "expiresAt": expires,
            },
            "tokenType": "aws_sigv4", "refreshToken": refresh, "clientId": "arn:aws:signin:::devtools/same-device",
            "dpopKey": KEY,
        });
        home.write(CACHED, &cached.to_string());
    };
    login("2099-01-01T00:00:00Z", "valid");
    assert_eq!(home.signer("--profile login", &endpoint).0, "OFLOGIN");
    login("2020-01-01T00:00:00Z", "valid");
    assert_eq!(home.signer("--profile login", &endpoint).0, "OFREFRESHED");
    login("2020-01-01T00:00:00Z", "ended");
    let (run, signers) = home.look("--profile login", &endpoint);
    assert_eq!((run.status, signers.len()), (1, 0), "{run:?}");
    assert!(run.stderr.contains("aws login"), "{run:?}");
}

/// Without any credentials, in a home folder without files, each command ends with one error and what to do.
#[tokio::test]
async fn a_run_without_credentials_or_in_no_region_ends_with_one_error() {
    let home = Home::new("").await;
    fs::remove_dir_all(home.path(".aws")).unwrap();
    let run = |arguments: &str, variables: &[Variable]| {
        let mut command = home.command(&[]);
        command
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_REGION")
            .env("AWS_MAX_ATTEMPTS", "1")
            .envs(variables.iter().copied());
        finish(command.args(arguments.split_whitespace()))
    };
    let commands = [
        "setup --cluster orders --function checkout --dry-run",
        "remove --cluster orders --function checkout --dry-run",
        "cleanup --dry-run",
        "drift",
        "list --cluster orders",
        "diagnose --cluster orders --function checkout",
        "internet check --function checkout",
        "snapshot --out -",
    ];
    for command in commands {
        let table: [(&[Variable], &str, &str); 3] = [
            (&[("AWS_REGION", "eu-central-1")], "no-credentials", "aws sso login"),
            (&[], "no-region", "AWS_REGION"),
            // No such host name exists.
            (
                &[("AWS_REGION", "eu-nowhere-9"), KEYS[0], KEYS[1]],
                "unreachable",
                "the Region's name",
            ),
        ];
        for (variables, code, hint) in table {
            let found = run(command, variables);
            assert_eq!(
                (found.status, found.stdout.as_str()),
                (1, ""),
                "{command} {variables:?}: {found:?}"
            );
            let mut lines = found.stderr.lines();
            let (error, next) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            assert!(
                error.starts_with(&format!("error[{code}]: ")),
                "{command} {variables:?}: {found:?}"
            );
            assert!(
                next.starts_with("hint: ") && next.contains(hint),
                "{command} {variables:?}: {found:?}"
            );
            assert_eq!(lines.next(), None, "{command} {variables:?}: {found:?}");
        }
    }
}

/// The SDK passes over what it cannot use: the run would then reach another account, or AWS itself.
#[tokio::test]
async fn half_a_key_and_endpoints_that_are_no_urls_are_errors() {
    let home = Home::new("[profile local]\nendpoint_url = localhost:4566\n").await;
    let table: [(&str, &[Variable], &str); 5] = [
        ("", &[KEYS[0]], "no-credentials"),
        ("", &[KEYS[0], ("AWS_PROFILE", "prod")], "no-credentials"),
        (
            "",
            &[KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", "localhost:4566")],
            "endpoint-url",
        ),
        (
            "",
            &[KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL_EC2", "nowhere")],
            "endpoint-url",
        ),
        ("--profile local", &[], "endpoint-url"),
    ];
    for (arguments, variables, code) in table {
        let (run, signers) = home.look(arguments, variables);
        assert_eq!(
            (run.status, run.error_code().as_str()),
            (1, code),
            "{arguments} {variables:?}: {run:?}"
        );
        assert_eq!(signers, BTreeSet::new(), "{arguments} {variables:?}");
    }
}

#[tokio::test]
async fn what_refused_a_request_is_decoded_or_shown_with_the_command() {
    let home = Home::new("").await;
    let encoded = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abc_".repeat(30);
    let message =
        format!("You are not authorized to perform this operation. Encoded authorization failure message: {encoded}");
    let home_world = &home.world;
    home_world.cluster("orders", 1).await;
    home_world.function("checkout").await;
    let sts = server(|request| {
        let is_right = request.contains("Action=DecodeAuthorizationMessage");
        let answer = r#"<DecodeAuthorizationMessageResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><DecodeAuthorizationMessageResult><DecodedMessage>{"explicitDeny":true}</DecodedMessage></DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"#;
        if is_right {
            ("200 OK", answer.to_owned())
        } else {
            ("404 Not Found", String::new())
        }
    });
    let run = |more: &[&str]| {
        home_world.fault("DescribeSubnets", 1, 403, "UnauthorizedOperation", &message);
        let mut command = home.command(&[KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL_STS", &sts)]);
        command.args(["setup", "--cluster", "orders", "--function", "checkout", "--dry-run"]);
        // The checks of the path read the subnets too, and may do without them.
        command.arg("--no-diagnose");
        finish(command.args(more))
    };
    let shown = run(&["--output", "json"]);
    assert_eq!(shown.error_code(), "access-denied", "{shown:?}");
    let error = &shown.json()["error"];
    assert_eq!(error["authorization"], json!({ "encoded": encoded, "decoded": null }));
    let command = format!(
        "aws sts decode-authorization-message --query DecodedMessage --output text --encoded-message {encoded}"
    );
    assert!(error["hint"].as_str().unwrap().ends_with(&command), "{error}");
    let decoded = run(&["--output", "json", "--decode-authorization"]);
    assert_eq!(
        decoded.json()["error"]["authorization"]["decoded"],
        "{\"explicitDeny\":true}",
        "{decoded:?}"
    );
    let text = run(&["--decode-authorization"]);
    assert!(text.stderr.contains("decoded: {\"explicitDeny\":true}"), "{text:?}");
}
