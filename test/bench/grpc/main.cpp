// gRPC's rows: unary calls of a generic service, whose messages are plain bytes, by completion queues with one thread on each
// side, without encryption, over an abstract Unix socket or TCP. That is the form that its own performance notes name for many
// small calls; generated messages and the callback interface take longer.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "test/bench/links.hpp"
#include "test/bench/open_loop.hpp"
#include "test/bench/pairs.hpp"

namespace {

std::string address_of(std::uint16_t port, std::string const& socket) {
  return bench::over_tcp() ? "127.0.0.1:" + std::to_string(port) : "unix-abstract:" + socket;
}

/// One call at a time: it is taken, read, answered, and then the next one is taken. What was asked for is sent back, or how much
/// of a large argument it was.
class ServedCall {
 public:
  ServedCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) : service_(service), queue_(queue) {
    take();
  }
  void go_on(bool ok) {
    if (!ok) state_ = State::answered;
    switch (state_) {
      case State::taken: state_ = State::read; return stream_->Read(&text_, this);
      case State::read:
        state_ = State::answered;
        if (text_.Length() == bench::large_bytes) text_ = size_of(text_);
        return stream_->WriteAndFinish(text_, {}, grpc::Status::OK, this);
      case State::answered: return take();
    }
  }

 private:
  enum class State : std::uint8_t { taken, read, answered };
  static grpc::ByteBuffer size_of(grpc::ByteBuffer const& text) {
    auto const size = static_cast<std::uint64_t>(text.Length());
    grpc::Slice const slice{&size, sizeof(size)};
    return {&slice, 1};
  }
  void take() {
    state_ = State::taken;
    context_ = std::make_unique<grpc::GenericServerContext>();
    stream_ = std::make_unique<grpc::GenericServerAsyncReaderWriter>(context_.get());
    service_.RequestCall(context_.get(), stream_.get(), &queue_, &queue_, this);
  }

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  State state_ = State::taken;
  std::unique_ptr<grpc::GenericServerContext> context_;
  std::unique_ptr<grpc::GenericServerAsyncReaderWriter> stream_;
  grpc::ByteBuffer text_;
};

void serve(std::string const& socket, auto const& ready) {
  grpc::ServerBuilder builder;
  grpc::AsyncGenericService service;
  int port = 0;
  builder.AddListeningPort(address_of(0, socket), grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  auto const queue = builder.AddCompletionQueue();
  auto const server = builder.BuildAndStart();
  bench::expect(server != nullptr, "the server did not start");
  std::vector<std::unique_ptr<ServedCall>> calls;
  for (std::uint64_t i = 0; i < 2 * bench::calls_in_flight; ++i) calls.push_back(std::make_unique<ServedCall>(service, *queue));
  ready(bench::over_tcp() ? static_cast<std::uint16_t>(port) : std::uint16_t{0});
  void* tag = nullptr;
  for (bool ok = false; queue->Next(&tag, &ok);) static_cast<ServedCall*>(tag)->go_on(ok);
}

struct OpenCall {
  grpc::ClientContext context;
  grpc::ByteBuffer answer;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  std::int64_t due_ns = 0;
};

class Pair {
 public:
  void send(std::string const& text, std::int64_t due_ns = 0) {
    grpc::Slice const slice{text};
    grpc::ByteBuffer const bytes{&slice, 1};
    auto call = std::make_unique<OpenCall>();
    call->due_ns = due_ns;
    call->reader = stub_.PrepareUnaryCall(&call->context, "/bench.Echo/Echo", bytes, &queue_);
    call->reader->StartCall();
    auto& open = *call.release();
    open.reader->Finish(&open.answer, &open.status, &open);
  }
  /// An answer, not always of the oldest call.
  void receive() {
    void* tag = nullptr;
    bool ok = false;
    bench::expect(queue_.Next(&tag, &ok), "the queue has ended");
    take(tag, ok);
  }
  /// The call that is answered next, before the time has come; null if there is none.
  std::unique_ptr<OpenCall> receive_until(std::int64_t until_ns) {
    void* tag = nullptr;
    bool ok = false;
    auto const limit = gpr_time_from_nanos(std::max<std::int64_t>(0, until_ns - bench::now_ns()), GPR_TIMESPAN);
    auto const status = queue_.AsyncNext(&tag, &ok, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), limit));
    return status == grpc::CompletionQueue::GOT_EVENT ? take(tag, ok) : nullptr;
  }

 private:
  static std::unique_ptr<OpenCall> take(void* tag, bool ok) {
    std::unique_ptr<OpenCall> call{static_cast<OpenCall*>(tag)};
    bench::expect(ok && call->status.ok() && call->answer.Length() != 0, call->status.error_message().c_str());
    return call;
  }

  std::string const socket_ = bench::own_socket_name();
  bench::OtherProcess other_{[this](auto const& ready) { serve(socket_, ready); }};
  grpc::GenericStub stub_{grpc::CreateChannel(address_of(other_.port(), socket_), grpc::InsecureChannelCredentials())};
  grpc::CompletionQueue queue_;
};

void load() {
  Pair pair;
  std::string const text(bench::small_bytes, 'x');
  bench::PairRows<Pair>::warm_up(pair);
  bench::OpenLoop loop{bench::calls_per_second};
  while (!loop.is_over()) {
    while (loop.is_due()) pair.send(text, loop.make());
    while (auto const call = pair.receive_until(loop.idle_until_ns())) {
      loop.answered(call->due_ns);
      if (loop.is_due() || loop.is_over()) break;
    }
  }
  loop.report();
}

}  // namespace

int main(int argc, char** argv) { return bench::PairRows<Pair>::run(argc, argv, &load); }
