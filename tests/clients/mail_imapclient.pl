# What Perl's Mail::IMAPClient does with a mailbox, told line by line: "name=value".
# Arguments: port, user, the file with the password, the authority's file.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPClient;

my ($port, $user, $password_file, $authority) = @ARGV;
open my $file, '<', $password_file or die $!;
my $password = do { local $/; <$file> };

my $imap = Mail::IMAPClient->new(
    Server   => 'localhost',
    Port     => $port,
    User     => $user,
    Password => $password,
    Uid      => 1,
    Ssl      => [SSL_ca_file => $authority, SSL_verify_mode => SSL_VERIFY_PEER],
    Compress => 1,
) or die "login: $@";

sub tell_ { my ($name, $value) = @_; print "$name=", defined $value ? $value : '', "\n"; }
sub must { my ($value) = @_; die $imap->LastError // 'failed' unless defined $value; $value }

my $box = 'perl box';
my $message = join "\r\n",
    'From: Ann <ann@example.org>', 'To: Bob <bob@example.org>', 'Subject: from perl',
    'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '',
    '--b', 'Content-Type: text/plain', '', 'hello', '--b',
    'Content-Type: text/html', '', '<p>hello</p>', '--b--', '';

must($imap->create($box));
my $uid = must($imap->append_string($box, $message, '\\Seen \\Flagged', ' 1-Feb-2026 12:00:00 +0100'));
tell_('appended', $uid);
must($imap->append_string($box, "Subject: two\r\n\r\nsecond\r\n"));
must($imap->select($box));
tell_('count', $imap->message_count);
tell_('unseen', join ',', @{ must(scalar $imap->unseen) });
tell_('found', join ',', @{ must(scalar $imap->search('SUBJECT', \'"from perl"')) });
tell_('same', $imap->message_string($uid) eq $message ? 1 : 0);
tell_('size', $imap->size($uid) == length $message ? 1 : 0);
tell_('subject', $imap->subject($uid));
tell_('part', $imap->bodypart_string($uid, '1'));
tell_('flags', join(' ', sort grep { $_ ne '\\Recent' } $imap->flags($uid)));
tell_('date', $imap->internaldate($uid));
my $structure = $imap->get_bodystructure($uid);
tell_('type', lc $structure->bodytype . '/' . $structure->bodysubtype);
tell_('parts', scalar(@{ scalar $structure->bodystructure }));
my $envelope = $imap->get_envelope($uid);
tell_('envelope', $envelope->subject);
must($imap->set_flag('Deleted', $uid + 1));
must($imap->copy('INBOX', $uid));
must($imap->move('Trash', $uid));
must($imap->expunge);
tell_('left', $imap->message_count);
tell_('inbox', $imap->message_count('INBOX'));
tell_('trash', $imap->message_count('Trash'));
tell_('exists', $imap->exists($box) ? 1 : 0);
tell_('separator', $imap->separator);
tell_('folders', scalar(grep { $_ eq $box } $imap->folders));
tell_('idle', idle());
must($imap->rename($box, 'perl new'));
must($imap->delete('perl new'));
must($imap->logout);

sub idle {
    my $tag = must($imap->idle);
    $imap->idle_data(0);
    return must($imap->done($tag)) ? 1 : 0;
}
