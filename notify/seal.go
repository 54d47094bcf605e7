package notify

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeySize is the length of the key that seals secrets at rest (AES-256).
const KeySize = 32

// sealVersion leads every sealed value, so that another cipher can follow one day.
const sealVersion = 1

// sealPurpose is authenticated with every value: what was sealed for something else does not open here.
var sealPurpose = []byte("surgecast webhook secret v1")

// Seal encrypts a secret for the database with AES-256-GCM: version, nonce, ciphertext and tag. The
// database alone, or a backup of it, then forges no message.
func Seal(key, secret []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("seal a secret: %w", err)
	}
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(secret)+aead.Overhead())
	out[0] = sealVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, fmt.Errorf("seal a secret: %w", err)
	}
	return aead.Seal(out, out[1:], secret, sealPurpose), nil
}

// Open decrypts what Seal made. It fails with another key, or when a bit was changed.
func Open(key, sealed []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("open a secret: %w", err)
	}
	if len(sealed) < 1+aead.NonceSize()+aead.Overhead() || sealed[0] != sealVersion {
		return nil, errors.New("open a secret: not a sealed value of this version")
	}
	nonce, text := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	secret, err := aead.Open(nil, nonce, text, sealPurpose)
	if err != nil {
		return nil, errors.New("open a secret: sealed with another key, or damaged")
	}
	return secret, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ReadKey reads the key file, 64 hexadecimal digits, and makes it (readable by its owner only) when it
// does not exist. It lies outside the database on purpose. Several processes may start at once: the
// first to link its file wins and all read that one.
func ReadKey(path string) ([]byte, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return nil, fmt.Errorf("make the key file %s: %w", path, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key file %s may be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize { // err would repeat bytes of the key
		return nil, fmt.Errorf("the key file %s does not hold %d hexadecimal digits: restore it from a backup; without it every webhook needs a new secret", path, 2*KeySize)
	}
	return key, nil
}

func makeKey(path string) error {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	// Synced before it is linked: secrets must not be sealed with a key a power cut takes away.
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
