//! What follows when a clock rings. A clock that rings in a state that it is not for says nothing.

use super::{Left, Machine, State, Stopping};
use crate::{
    model::{Child, Effect, News, Sent, Timer},
    rules::Rules,
};

impl Machine {
    pub(super) fn rang(&mut self, rules: &Rules, timer: Timer) -> Vec<Effect> {
        match timer {
            Timer::Look => match self.state {
                State::Boot | State::Stop(Stopping::Service) => self.one(Child::Look),
                State::Init(_)
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(Stopping::Creation | Stopping::PutBack | Stopping::Server | Stopping::Killed)
                | State::Over(_) => Vec::new(),
            },
            Timer::Retry => self.again(),
            Timer::Remind => {
                let next = Effect::Arm(Timer::Remind, rules.remind);
                match self.state {
                    State::Boot => vec![Effect::Tell(News::StillBooting), next],
                    State::Parked(_) => vec![Effect::Tell(News::StillParked), next],
                    State::Join => vec![next],
                    State::Init(_) | State::Serve | State::End | State::Stop(_) | State::Over(_) => Vec::new(),
                }
            }
            Timer::Beat => match self.state {
                State::Serve => self.one(Child::Beat),
                State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::End
                | State::Stop(_)
                | State::Over(_) => Vec::new(),
            },
            Timer::PutBack => match self.state {
                State::Stop(Stopping::PutBack) => {
                    [vec![Effect::Send(Child::Start, Sent::Kill)], self.ask_server()].concat()
                }
                State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(Stopping::Creation | Stopping::Service | Stopping::Server | Stopping::Killed)
                | State::Over(_) => Vec::new(),
            },
            Timer::End => match self.state {
                State::End => {
                    self.left = Left::Undelivered;
                    let late = vec![Effect::Tell(News::NotEnded), Effect::Send(Child::End, Sent::Kill)];
                    [late, self.ask_server()].concat()
                }
                State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::Stop(_)
                | State::Over(_) => Vec::new(),
            },
            Timer::Kill => match self.state {
                State::Stop(Stopping::Killed)
                | State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::Over(_) => Vec::new(),
                State::End | State::Stop(_) => {
                    if self.state == State::End {
                        self.left = Left::Undelivered;
                    }
                    self.state = State::Stop(Stopping::Killed);
                    let kills = self.alive.iter().map(|child| Effect::Send(*child, Sent::Kill));
                    [Effect::Tell(News::Killed)].into_iter().chain(kills).collect()
                }
            },
        }
    }
}
