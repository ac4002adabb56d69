//! What the sandbox's ERP system publishes of itself.

use serde_json::json;
use sinew_contract::Schema;
use sinew_contract::soap::Options;
use sinew_contract::wsdl::Wsdl;
use sinew_stdx::Json;

#[test]
fn the_sandbox_describes_what_it_understands() {
    let wsdl = include_str!("../../sandbox/src/published/erp.wsdl");
    let erp = Wsdl::read(wsdl.as_bytes(), |name| match name {
        "erp.xsd" => Ok(include_bytes!("../../sandbox/src/published/erp.xsd").to_vec()),
        other => Err(format!("no file `{other}`")),
    })
    .unwrap();
    assert_eq!(erp.warnings, []);
    let names: Vec<&str> = erp.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(names, ["GetCustomer", "GetBalance", "CreateOrder", "FindOrders", "CancelOrder"]);
    let create = erp.operation("CreateOrder").unwrap();
    assert!(create.security.username_token && !create.security.timestamp);
    assert_eq!(create.fault_names().collect::<Vec<_>>(), ["CustomerUnknown", "CreditExceeded"]);
    let input = json!({"order": {"externalRef": "r-1", "customer": "C-1002", "line": [{"sku": "A", "quantity": 3, "price": 12.5}]}});
    let schema = Schema::compile(erp.input(create)).unwrap();
    assert!(schema.fits(&input), "{:?}", schema.violations(&Json::of(&input)));
    let request = erp.request(create, &Json::of(&input), &Options::default()).unwrap();
    assert_eq!(erp.given(create, None, &request.body).unwrap().to_value(), input);
}
