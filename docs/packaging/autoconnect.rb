# The Homebrew formula. `.ci/release formula` replaces each word between @ signs.
class Autoconnect < Formula
  desc "Connects AWS Lambda functions to Aurora and RDS databases"
  homepage "https://github.com/@REPOSITORY@"
  version "@VERSION@"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/autoconnect-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/autoconnect-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/autoconnect-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/autoconnect-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "autoconnect"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/autoconnect.bash" => "autoconnect"
    zsh_completion.install "completions/_autoconnect"
    fish_completion.install "completions/autoconnect.fish"
    pkgshare.install "account.json"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/autoconnect --version")
    assert_match "create-new", shell_output(
      "#{bin}/autoconnect setup --offline #{pkgshare}/account.json --instance inventory --function stock-sync --dry-run",
    )
  end
end
