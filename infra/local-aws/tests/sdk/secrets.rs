//! Versions, labels, deletion.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::get_secret_value::builders::GetSecretValueFluentBuilder;
use aws_sdk_secretsmanager::primitives::Blob;

use crate::Rig;

async fn text(get: GetSecretValueFluentBuilder) -> String {
    get.send().await.expect("found").secret_string.expect("a text")
}

#[tokio::test]
async fn a_new_value_becomes_current_and_the_old_one_previous() {
    let rig = Rig::start().await;
    let secrets = &rig.secrets;
    let created =
        secrets.create_secret().name("app/main").secret_string("1").send().await.expect("created");
    secrets.put_secret_value().secret_id("app/main").secret_string("2").send().await.expect("put");
    let get = || secrets.get_secret_value().secret_id("app/main");
    assert_eq!(text(get()).await, "2");
    assert_eq!(text(get().version_stage("AWSPREVIOUS")).await, "1");
    assert_eq!(text(get().version_id(created.version_id().expect("an id"))).await, "1");
    let arn = created.arn().expect("an ARN");
    assert_eq!(text(secrets.get_secret_value().secret_id(arn)).await, "2");
    assert_eq!(text(secrets.get_secret_value().secret_id(&arn[..arn.len() - 7])).await, "2");
    assert!(get().send().await.expect("found").created_date().is_some());

    let unknown = get().version_stage("NOBODY").send().await.expect_err("no such label");
    assert!(unknown.into_service_error().is_resource_not_found_exception());
    let again = secrets
        .create_secret()
        .name("app/main")
        .secret_string("3")
        .send()
        .await
        .expect_err("exists");
    assert!(again.into_service_error().is_resource_exists_exception());
}

#[tokio::test]
async fn a_pending_version_becomes_current_by_moving_the_label() {
    let rig = Rig::start().await;
    let secrets = &rig.secrets;
    let old = secrets
        .create_secret()
        .name("app/main")
        .secret_string("old")
        .send()
        .await
        .expect("created");
    let (old, new) = (old.version_id.expect("an id"), "n".repeat(32));
    let put = |value: &str| {
        let put = secrets.put_secret_value().secret_id("app/main").client_request_token(&new);
        put.secret_string(value).version_stages("AWSPENDING").send()
    };
    put("new").await.expect("put");
    put("new").await.expect("the same again changes nothing");
    assert!(
        put("other")
            .await
            .expect_err("the same token")
            .into_service_error()
            .is_resource_exists_exception()
    );
    let get = || secrets.get_secret_value().secret_id("app/main");
    assert_eq!(text(get()).await, "old");

    let moved = || {
        secrets
            .update_secret_version_stage()
            .secret_id("app/main")
            .version_stage("AWSCURRENT")
            .move_to_version_id(&new)
    };
    let unnamed = moved().send().await.expect_err("the holder must be named");
    assert!(unnamed.into_service_error().is_invalid_parameter_exception());
    moved().remove_from_version_id(&old).send().await.expect("moved");
    assert_eq!(text(get()).await, "new");
    assert_eq!(text(get().version_stage("AWSPREVIOUS")).await, "old");

    let described = secrets.describe_secret().secret_id("app/main").send().await.expect("found");
    let labels = described.version_ids_to_stages().expect("labels");
    assert_eq!((labels[&old].as_slice(), labels[&new].len()), (&["AWSPREVIOUS".to_owned()][..], 2));
}

#[tokio::test]
async fn deletion_waits_and_can_be_taken_back() {
    let rig = Rig::start().await;
    let secrets = &rig.secrets;
    assert!(rig.aws.secrets().put_if_absent("app/main", "x").expect("put"));
    assert!(
        !rig.aws.secrets().put_if_absent("app/main", "y").expect("there"),
        "an existing one stays"
    );
    let rotate =
        secrets.rotate_secret().secret_id("app/main").send().await.expect_err("no function");
    assert!(rotate.into_service_error().is_invalid_request_exception());

    secrets
        .delete_secret()
        .secret_id("app/main")
        .recovery_window_in_days(7)
        .send()
        .await
        .expect("marked");
    let get = || secrets.get_secret_value().secret_id("app/main");
    assert!(
        get().send().await.expect_err("marked").into_service_error().is_invalid_request_exception()
    );
    assert!(secrets.list_secrets().send().await.expect("listed").secret_list().is_empty());
    secrets.restore_secret().secret_id("app/main").send().await.expect("restored");
    assert_eq!(text(get()).await, "x");
    let batch = secrets
        .batch_get_secret_value()
        .secret_id_list("app/main")
        .secret_id_list("nobody")
        .send()
        .await;
    let batch = batch.expect("answered");
    assert_eq!(
        (batch.secret_values().len(), batch.errors()[0].error_code()),
        (1, Some("ResourceNotFoundException"))
    );
    let binary = secrets.create_secret().name("app/other").secret_binary(Blob::new([0]));
    let refused = binary.send().await.expect_err("unsupported").into_service_error();
    assert!(refused.is_invalid_parameter_exception());

    secrets
        .delete_secret()
        .secret_id("app/main")
        .force_delete_without_recovery(true)
        .send()
        .await
        .expect("deleted");
    let missing = get().send().await.expect_err("gone");
    assert_eq!(missing.code(), Some("ResourceNotFoundException"));
}
