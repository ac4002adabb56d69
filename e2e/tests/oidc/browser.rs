//! As much of a browser as a log-in takes: redirects, cookies, and forms that are filled and sent.

use std::collections::BTreeMap;
use std::time::Duration;

/// The most pages and redirects that a log-in takes.
const STEPS_MAX: usize = 30;

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_mins(1)))
        .build();
    config.into()
}

/// Sends a request as it is; gives the body.
pub fn send(head: &http::request::Parts, body: &[u8]) -> Vec<u8> {
    let mut request = http::Request::builder().method(head.method.clone()).uri(head.uri.clone());
    *request.headers_mut().unwrap() = head.headers.clone();
    let mut answer = if body.is_empty() {
        agent().run(request.body(()).unwrap()).unwrap()
    } else {
        agent().run(request.body(body.to_vec()).unwrap()).unwrap()
    };
    answer.body_mut().read_to_vec().unwrap()
}

/// Cookies by name; one provider needs no more.
#[derive(Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

struct Page {
    url: url::Url,
    location: Option<String>,
    text: String,
}

impl Browser {
    /// Logs in and says yes to everything; gives the query with which the browser comes back.
    pub fn log_in(&mut self, url: &str, back: &str) -> String {
        let mut page = self.get(url);
        for _ in 0..STEPS_MAX {
            page = match page.location.clone() {
                Some(location) => {
                    let next = page.url.join(&location).unwrap();
                    if next.as_str().starts_with(back) {
                        return next.query().unwrap_or_default().to_owned();
                    }
                    self.get(next.as_str())
                }
                None => self.submit(&page, ""),
            };
        }
        panic!("the log-in came to no end: {}", page.text);
    }

    /// Types the code of a device, logs in and says yes.
    pub fn confirm(&mut self, url: &str, user_code: &str) {
        let mut page = self.get(url);
        for _ in 0..STEPS_MAX {
            page = match page.location.clone() {
                Some(location) => {
                    let next = page.url.join(&location).unwrap();
                    self.get(next.as_str())
                }
                None if page.text.contains("<form") => self.submit(&page, user_code),
                None => return,
            };
        }
        panic!("the device was not confirmed: {}", page.text);
    }

    fn get(&mut self, url: &str) -> Page {
        let answer = agent().get(url).header("cookie", self.cookie()).call().unwrap();
        self.page(url, answer)
    }

    /// Sends the first form of a page with what it holds, and whatever a person would type.
    fn submit(&mut self, page: &Page, user_code: &str) -> Page {
        let form = page.text.split("<form").nth(1).unwrap_or_else(|| panic!("no form in {}", page.text));
        let form = form.split("</form>").next().unwrap();
        let action = attribute(form, "action").unwrap_or_default();
        let url = page.url.join(&action).unwrap();
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for input in form.split("<input").skip(1) {
            let input = input.split('>').next().unwrap();
            let Some(name) = attribute(input, "name") else { continue };
            fields.insert(name, attribute(input, "value").unwrap_or_default());
        }
        for (name, typed) in [("login", "ada"), ("password", "x"), ("user_code", user_code)] {
            if let Some(value) = fields.get_mut(name)
                && value.is_empty()
            {
                typed.clone_into(value);
            }
        }
        let answer = agent()
            .post(url.as_str())
            .header("cookie", self.cookie())
            .send_form(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .unwrap();
        self.page(url.as_str(), answer)
    }

    fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn page(&mut self, url: &str, mut answer: http::Response<ureq::Body>) -> Page {
        for value in answer.headers().get_all("set-cookie") {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let text = answer.body_mut().read_to_string().unwrap();
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        assert!(!failed, "{url} answered {}: {text}", answer.status());
        Page { url: url.parse().unwrap(), location, text }
    }
}

/// An attribute of a tag, with quotes around its value.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?;
    value.split('"').next().map(|value| value.replace("&amp;", "&"))
}
