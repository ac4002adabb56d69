//! The demo: Sinew with all examples and the vendors, real traffic, a vendor that breaks, and an account that adds up.

mod books;
mod screen;
mod stages;
mod traffic;

use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::soak::EXAMPLES;
use crate::{World, free_port};
use books::Books;
use screen::Screen;

/// Where things listen if nobody else does; the examples' READMEs say so too.
const HOOKS_PORT: u16 = 7400;
const CONTROL_PORT: u16 = 7401;
const VENDORS_PORT: u16 = 7480;

/// Runs all stages; true if the account adds up. Without `once` it stays until it is told to stop.
pub fn run(once: bool) -> bool {
    let mut screen = Screen::begin();
    let mut world = open(&screen);
    let mut books = Books::default();
    stages::healthy(&world, &mut books, &mut screen);
    stages::vendor_stops(&world, &mut books, &mut screen);
    stages::answers_are_lost(&world, &mut books, &mut screen);
    stages::mended(&world, &mut books, &mut screen);
    stages::replayed(&world, &mut books, &mut screen);
    stages::killed(&mut world, &mut books, &mut screen);
    let adds_up = stages::account(&world, &books, &mut screen);
    if once {
        stages::next(&screen);
    } else {
        stages::stay(&world, &screen);
    }
    adds_up
}

/// The vendors and the server, at their usual addresses if those are free.
fn open(screen: &Screen) -> World {
    let mut world = World::at(port(VENDORS_PORT), port(HOOKS_PORT), port(CONTROL_PORT));
    world.change_projects(&EXAMPLES, &mut short_waits);
    world.serve();
    screen.title("Sinew, six examples and seven of the sandbox's eleven vendors, which only pretend");
    screen.say(&format!("webhooks   {}/hooks/...", world.server().hooks().base()));
    screen.say(&format!("control    {}", world.control().base()));
    screen.say(&format!("vendors    {}", world.sandbox.base()));
    world
}

fn port(usual: u16) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], usual));
    if TcpListener::bind(address).is_ok() { address } else { free_port() }
}

/// The examples wait for vendors as long as one would, up to an hour. A demo has a minute.
fn short_waits(document: &mut Value) {
    match (document["kind"].as_str(), document["name"].as_str()) {
        (Some("Connection"), Some("billing")) => {
            document["breaker"] = json!({ "failures": 5, "open_for": "2s" });
        }
        (Some("Flow"), Some("closed-won-to-invoice")) => {
            for step in document["steps"].as_array_mut().into_iter().flatten() {
                for (_, body) in step.as_object_mut().into_iter().flatten() {
                    body["retry"] = json!({ "attempts": 4, "base": "300ms", "max": "1s" });
                }
            }
        }
        _ => {}
    }
}
