//! Streams of Redis.

use sinew_e2e::service::Redis;
use sinew_e2e::until;

use super::*;

/// Adds an entry for each order.
fn add(redis: &Redis, numbers: &Range<usize>) {
    let script = "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('XADD', KEYS[1], '*', 'order', 'ord_' .. i) end";
    let (first, last) = (numbers.start.to_string(), (numbers.end - 1).to_string());
    redis.says(&["EVAL", script, "1", "orders", &first, &last]);
}

#[test]
fn every_entry_of_a_redis_stream_makes_one_run() {
    let Some(redis) = Redis::start("every_entry_of_a_redis_stream_makes_one_run", true) else { return };
    let redis = std::cell::RefCell::new(redis);
    let documents = broker("redis", &redis.borrow().url(), &trusting(), "{}");
    let mut world = world(45, &format!("{documents}{}", paid("from: orders, begin: all")));
    check_every_message_makes_one_run(
        &mut world,
        |kill| kill(&mut redis.borrow_mut().0),
        |_, numbers| add(&redis.borrow(), &numbers),
    );
    let redis = redis.into_inner();
    redis.says(&["XADD", "orders", "*", "order", &"x".repeat(100_000)]);
    add(&redis, &(MESSAGES..MESSAGES + 1));
    until("the last one to come", PATIENCE, || (invoices(&world) > MESSAGES).then_some(()));
    assert_eq!(world.dead().len(), 1, "{:?}", world.dead());
    until("all to be acknowledged", PATIENCE, || {
        redis.says(&["XPENDING", "orders", "sinew-paid"]).starts_with('0').then_some(())
    });
}
