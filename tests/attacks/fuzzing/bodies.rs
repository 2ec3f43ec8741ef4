//! Bodies: whatever bytes come, reading them ends, within the stack and with what they say.

use body::{check_json, read_json, without_halves};
use rmcp::model::ClientJsonRpcMessage;
use serde_json::Value;

pub(crate) fn run(bytes: &[u8]) {
    let value = read_json::<Value>(bytes);
    // What passes the bounds is JSON, and still passes when it is written anew.
    assert_eq!(value.is_ok(), check_json(bytes).is_ok());
    if let Ok(value) = value {
        let again = serde_json::to_vec(&value).unwrap();
        assert!(check_json(&again).is_ok());
        let _form = serde_json::from_value::<forms::Form>(value);
    }
    // Half letters are mended in their places, once.
    let mended = without_halves(bytes);
    assert_eq!((mended.len(), without_halves(&mended).as_ref()), (bytes.len(), mended.as_ref()));
    let _message = read_json::<ClientJsonRpcMessage>(bytes);
}
