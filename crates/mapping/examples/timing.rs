#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]
use sinew_mapping::*;
use sinew_stdx::Json;
use std::time::Instant;
fn main() {
    let order = r#"{"order_id":"SO-2026-004711","placed_at":"2026-03-04T15:06:07Z","status":"paid","channel":"web","currency":"eur","customer":{"id":90071992547,"client_name":"Anna Lee","email":"anna.lee@example.com","phone":"+49 30 1234567","address":{"street":"Hauptstraße 5","zip":"10115","city":"Berlin","country":"DE"},"marketing":{"newsletter":true,"segments":["vip","returning"]}},"lines":[{"sku":"A-100","name":"Desk lamp","qty":2,"price":39.9,"tax":0.19,"weight_g":850},{"sku":"B-200","name":"Office chair \"Pro\"","qty":1,"price":249.0,"tax":0.19,"weight_g":14200},{"sku":"C-300","name":"Gift wrap","qty":0,"price":2.5,"tax":0.19,"weight_g":20},{"sku":"D-400","name":"Notebook","qty":5,"price":3.95,"tax":0.07,"weight_g":240},{"sku":"E-500","name":"Pen, blue","qty":10,"price":1.2,"tax":0.19,"weight_g":12}],"shipping":{"method":"express","cost":9.9,"carrier":"DHL","tracking":null},"payment":{"method":"card","last4":"4242","captured":true,"fees":1.63},"notes":"Please leave at the door.","meta":{"ip":"203.0.113.9","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","experiment":"b","utm":{"source":"newsletter","campaign":"spring"}}}"#;
    let t = |s: &str| Template::Expression(s.to_owned());
    let obj =
        |f: Vec<(&str, Template)>| Template::Object(f.into_iter().map(|(n, t)| (n.to_owned(), t)).collect());
    let template = obj(vec![
        ("number", t("order_id")),
        ("customer_name", t("customer.client_name")),
        ("email", t("customer.email")),
        ("currency", t("$uppercase(currency)")),
        ("city", t("customer.address.city")),
        ("total", t("$sum(lines.(qty * price))")),
        ("lines", t("lines[qty > 0].{'sku': sku, 'title': name, 'quantity': qty, 'amount': qty * price}")),
        ("shipping", t("shipping.cost")),
        ("paid", t("status = 'paid'")),
        ("version", Template::Literal(Json::of(&1))),
    ]);
    let one = "{'number': order_id, 'customer_name': customer.client_name, 'email': customer.email, 'currency': $uppercase(currency), 'city': customer.address.city, 'total': $sum(lines.(qty * price)), 'lines': lines[qty > 0].{'sku': sku, 'title': name, 'quantity': qty, 'amount': qty * price}, 'shipping': shipping.cost, 'paid': status = 'paid', 'version': 1}";
    let mapping = Mapping::compile(&template).expect("compiles");
    let expression = Expression::compile(one).expect("compiles");
    let json = Json::parse(order.as_bytes()).expect("json");
    println!(
        "{} bytes -> {}",
        order.len(),
        mapping.evaluate(&Scope::root(&json), Moment::default(), &Limits::default()).expect("evaluates")
    );
    let time = |name: &str, f: &dyn Fn()| {
        let mut best = f64::MAX;
        for _ in 0..20 {
            let s = Instant::now();
            for _ in 0..5000 {
                f()
            }
            best = best.min(s.elapsed().as_secs_f64() / 5000.0 * 1e6);
        }
        println!("{name:40} {best:8.3} us");
    };
    let l = Limits::default();
    time("mapping", &|| {
        std::hint::black_box(mapping.evaluate(&Scope::root(&json), Moment::default(), &l).ok());
    });
    time("one expression", &|| {
        std::hint::black_box(expression.evaluate(&Scope::root(&json), Moment::default(), &l).ok());
    });
    time("Json::parse of the bytes + mapping", &|| {
        let j = Json::parse(order.as_bytes()).expect("json");
        std::hint::black_box(mapping.evaluate(&Scope::root(&j), Moment::default(), &l).ok());
    });
    for s in [
        "order_id",
        "1",
        "$uppercase(currency)",
        "$sum(lines.(qty * price))",
        "lines[qty > 0].sku",
        "lines[qty > 0].{'sku': sku, 'title': name, 'quantity': qty, 'amount': qty * price}",
        "status = 'paid'",
        "$",
    ] {
        let e = Expression::compile(s).expect("compiles");
        time(s, &|| {
            std::hint::black_box(e.evaluate(&Scope::root(&json), Moment::default(), &l).ok());
        });
    }
    println!("reads {:?}", mapping.reads().root_names());
}
